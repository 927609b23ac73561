//! Compressed messages on their way in (RFC 7692 §7.2.2), within bounds: what comes out, what goes
//! in, and how much may go in for nothing.

use std::fmt;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::{pool, recall};
use crate::deflate::AgreedDeflate;
use crate::error::ProtocolError;

/// The receiving side of one connection.
pub(in crate::protocol) struct Inflation {
    takeover: bool,
    /// What remembers earlier messages; made when the first compressed message comes. Without
    /// takeover it is there only while a message is being received.
    inflater: Option<Inflate>,
    /// How much the inflater remembers, in bytes.
    remembered: usize,
    /// Whether blocks have ended the stream, so that what the inflater remembers must be known before
    /// each message.
    wary: bool,
    /// What came out last, with the end of what came out before it. Empty between messages.
    scratch: Box<[u8]>,
    /// How much of the scratch is used.
    used: usize,
    /// How much of it came of the payload alone, and not of the tail behind it.
    sound: usize,
    message: Progress,
    /// What is wrong with the message behind all that has come out of it.
    failure: Option<ProtocolError>,
    /// How many bytes a message may come to; it may be changed for one message.
    limit: u64,
    max_message_size: usize,
}

/// How far a message has come.
struct Progress {
    /// The next block begins at a byte, and nothing of it has come.
    between_blocks: bool,
    /// There was no room for all that could have come out.
    held_back: bool,
    /// The last byte of the payload so far.
    last: u8,
    /// Bytes of the message's payload that frames have announced.
    expected: u64,
    /// Those that were taken, and what else was as much work as to take so many.
    taken: u64,
    /// Bytes that came out.
    given: u64,
    /// The end of the message, once it has come.
    ending: Option<Ending>,
}

/// The last part of a payload with the tail that was left out, in the scratch behind what comes out.
#[derive(Clone, Copy)]
struct Ending {
    /// How much of it was taken.
    at: usize,
    /// Where the payload ends and the tail begins.
    payload: usize,
    /// Where the tail ends.
    end: usize,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            between_blocks: true,
            held_back: false,
            last: 0,
            expected: 0,
            taken: 0,
            given: 0,
            ending: None,
        }
    }
}

impl Inflation {
    pub(super) fn new(agreed: AgreedDeflate, max_message_size: usize) -> Self {
        Self {
            takeover: !agreed.server_no_context_takeover,
            inflater: None,
            remembered: 0,
            wary: false,
            scratch: Box::default(),
            used: 0,
            sound: 0,
            message: Progress::default(),
            failure: None,
            limit: max_message_size as u64,
            max_message_size,
        }
    }

    /// The message that is coming, or comes next, may be so long.
    pub(in crate::protocol) fn allow(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// A frame announces `len` more bytes of compressed payload. The limit on them bounds the work
    /// that a peer can cause with blocks that hold nothing.
    pub(in crate::protocol) fn expect(&mut self, len: u64) -> Result<(), ProtocolError> {
        self.message.expected = self.message.expected.saturating_add(len);
        let limit = self.limit.saturating_mul(2).saturating_add(INPUT_ALLOWANCE);
        if self.message.expected > limit {
            return Err(too_long(self.message.expected, limit));
        }
        Ok(())
    }

    /// Inflates from the beginning of `input`, and moves it on: what came out, and whether this must
    /// be called again for more. `last` says that the message ends with `input`.
    pub(in crate::protocol) fn inflate(
        &mut self,
        input: &mut &[u8],
        last: bool,
    ) -> Result<(&[u8], bool), ProtocolError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if self.scratch.is_empty() {
            if input.is_empty() && !last {
                return Ok((&[], false));
            }
            self.begin(input)?;
        }
        self.make_room();
        let start = self.used;
        self.sound = start;
        let more = match self.run(input, last) {
            Ok(more) => more,
            Err(failure) if self.sound == start => return Err(failure),
            // What came out before it is judged first, as if the payload had been cut there.
            Err(failure) => {
                self.failure = Some(failure);
                self.used = self.sound;
                true
            }
        };
        Ok((&self.scratch[start..self.used], more))
    }

    /// Inflates what there is room for; whether there may be more.
    fn run(&mut self, input: &mut &[u8], last: bool) -> Result<bool, ProtocolError> {
        let mut more = false;
        if self.message.ending.is_none() {
            let kept = if last { pool::ENDING } else { 0 };
            while !more && (self.message.held_back || input.len() > kept) {
                let until = input.len().saturating_sub(kept);
                let step = self.step(Some(&input[..until]), InflateFlush::SyncFlush)?;
                let (done, rest) = input.split_at(step.taken);
                self.message.last = done.last().copied().unwrap_or(self.message.last);
                *input = rest;
                more = self.is_full();
            }
            if last && !more {
                self.message.ending = Some(self.lay_out(input));
                *input = &[];
            }
        }
        if last && !more {
            more = !self.finish()?;
        }
        Ok(more)
    }

    /// The message has ended: how many bytes its frames carried.
    pub(in crate::protocol) fn end(&mut self) -> u64 {
        self.limit = self.max_message_size as u64;
        pool::give_scratch(std::mem::take(&mut self.scratch));
        if !self.takeover {
            self.remembered = 0;
            if let Some(inflater) = self.inflater.take() {
                pool::give_inflater(inflater);
            }
        }
        std::mem::take(&mut self.message).expected
    }

    /// A message begins with `input`.
    fn begin(&mut self, input: &[u8]) -> Result<(), ProtocolError> {
        self.scratch = pool::take_scratch();
        self.used = 0;
        // The header of the first block is all that can be seen of the blocks to come. While it costs
        // little, any of them may be final.
        let final_block = input.first().is_some_and(|byte| byte & 1 != 0);
        let wary = self.wary || self.remembered <= SOON_RECALLED;
        if (final_block || wary) && self.remembered > 0 {
            self.recall()?;
        }
        Ok(())
    }

    /// Brings what the inflater remembers into the scratch, for [`restart`](Self::restart), and takes
    /// what the inflater then remembers twice from it again.
    fn recall(&mut self) -> Result<(), ProtocolError> {
        let inflater = self.inflater.get_or_insert_with(pool::take_inflater);
        let (output, room) = self.scratch.split_at_mut(pool::OUTPUT);
        let block = recall::block(self.remembered, room);
        let output = &mut output[..self.remembered.max(3)];
        inflater
            .decompress(block, output, InflateFlush::SyncFlush)
            .map_err(|_| complaint(inflater))?;
        self.used = self.remembered;
        self.restart()
    }

    /// A final block has ended the stream (RFC 7692 §7.2.3.4). Another one begins with the next
    /// byte, and may refer to what came before.
    fn restart(&mut self) -> Result<(), ProtocolError> {
        let from = self.used.saturating_sub(WINDOW);
        let dictionary = &self.scratch[from..self.used];
        // Where nothing had been recalled it is too late for this time: the oldest part is lost.
        self.remembered = dictionary.len();
        let inflater = self.inflater.get_or_insert_with(pool::take_inflater);
        inflater.reset(false);
        inflater
            .set_dictionary(dictionary)
            .map_err(|_| complaint(inflater))?;
        Ok(())
    }

    /// Makes sure that there is a window's worth of room, and a window's worth of what came out last.
    fn make_room(&mut self) {
        if pool::OUTPUT - self.used < WINDOW {
            self.scratch.copy_within(self.used - WINDOW..self.used, 0);
            self.used = WINDOW;
        }
    }

    fn is_full(&self) -> bool {
        self.used == pool::OUTPUT
    }

    /// Puts the rest of the payload where [`finish`](Self::finish) finds it, with the tail that was
    /// left out (RFC 7692 §7.2.2).
    fn lay_out(&mut self, payload: &[u8]) -> Ending {
        let last = payload.last().copied().unwrap_or(self.message.last);
        // The payload should end with the header of the tail: three bits of zero and what fills its
        // byte. A byte that cannot be that is the end of a block without it, most likely the tail
        // that was not left out; then the whole of an empty block ends the message.
        let tail = &TAIL_AND_PADDING[usize::from(last < 0b0010_0000)..];
        let (to, rest) = self.scratch[pool::OUTPUT..].split_at_mut(payload.len());
        to.copy_from_slice(payload);
        rest[..tail.len()].copy_from_slice(tail);
        Ending {
            at: 0,
            payload: payload.len(),
            end: payload.len() + tail.len() - PADDING,
        }
    }

    /// Takes the end of the payload block by block: with the tail it must end between two, so that
    /// nothing is missing. Says whether all of it was taken; otherwise there was no room.
    fn finish(&mut self) -> Result<bool, ProtocolError> {
        let Some(Ending { payload, end, .. }) = self.message.ending else {
            return Ok(true);
        };
        loop {
            let at = self.message.ending.map_or(end, |ending| ending.at);
            // Nothing came, or a final block and nothing behind it: there is no message for which
            // that could stand but this one.
            if at == payload && self.message.between_blocks {
                return Ok(true);
            }
            if self.is_full() {
                return Ok(false);
            }
            // With this flush the inflater stops between blocks, though there is more: the padding.
            let step = self.step(None, InflateFlush::Block)?;
            let at = at + step.taken;
            if let Some(ending) = &mut self.message.ending {
                ending.at = at;
            }
            if at == end && step.made == 0 && !self.message.between_blocks {
                if self.may_be_final(payload) {
                    // It shows only when the inflater is to go on, and ends the stream then.
                    self.step(Some(&[]), InflateFlush::SyncFlush)?;
                }
                return Ok(true);
            }
            // A final block must not end by the tail.
            if at > payload && self.message.between_blocks || at >= end {
                return Err(CUT_SHORT);
            }
        }
    }

    /// Whether the block that the tail completes may say that it is the last (BFINAL): the three bits of
    /// its header are in the last byte of the payload, or begin with the last two of the byte before.
    fn may_be_final(&self, payload: usize) -> bool {
        let payload = &self.scratch[pool::OUTPUT..][..payload];
        !matches!(payload, [.., before, 0] if *before < 0b0100_0000)
    }

    /// Inflates what there is room for, from `input` or from the message's end.
    fn step(&mut self, input: Option<&[u8]>, flush: InflateFlush) -> Result<Step, ProtocolError> {
        // One byte past the limit shows that it is exceeded; nothing more is inflated.
        let allowed = self.limit.saturating_add(1) - self.message.given;
        let (output, ending) = self.scratch.split_at_mut(pool::OUTPUT);
        let free = output.len() - self.used;
        let room = usize::try_from(allowed).map_or(free, |allowed| free.min(allowed));
        let output = &mut output[self.used..self.used + room];
        let input = input.unwrap_or_else(|| {
            let unread = self.message.ending.map(|ending| ending.at..ending.end);
            unread.map_or(&[][..], |unread| {
                &ending[unread.start..unread.end + PADDING]
            })
        });
        let inflater = self.inflater.get_or_insert_with(pool::take_inflater);
        let (total_in, total_out) = (inflater.total_in(), inflater.total_out());
        let status = inflater.decompress(input, output, flush);
        #[expect(clippy::cast_possible_truncation, reason = "both are parts of slices")]
        let step = Step {
            taken: (inflater.total_in() - total_in) as usize,
            made: (inflater.total_out() - total_out) as usize,
        };
        self.used += step.made;
        self.message.given += step.made as u64;
        let excess = self.message.given.saturating_sub(self.limit);
        let mut of_payload = true;
        if let Some(ending) = self.message.ending.filter(|_| flush == InflateFlush::Block) {
            // Whatever comes of the padding is no part of the message.
            if step.taken > ending.end - ending.at {
                return Err(CUT_SHORT);
            }
            of_payload = ending.at + step.taken <= ending.payload;
        }
        if of_payload {
            self.sound = self.used - usize::from(excess > 0);
        }
        if excess > 0 {
            let (size, limit) = (self.message.given, self.max_message_size);
            return Err(ProtocolError::MessageTooLarge { size, limit });
        }
        let status = status.map_err(|_| complaint(inflater))?;
        self.message.taken += step.taken as u64;
        self.remembered = WINDOW.min(self.remembered + step.made);
        self.message.between_blocks = false;
        self.message.held_back = step.made == room;
        let allowance = self
            .message
            .given
            .saturating_mul(INPUT_RATIO)
            .saturating_add(INPUT_WITHOUT_OUTPUT);
        if self.message.taken > allowance {
            return Err(too_long(self.message.taken, allowance));
        }
        if status == Status::StreamEnd {
            (self.message.between_blocks, self.message.held_back) = (true, false);
            self.restart()?;
            // A server that does it once does it again, and perhaps behind another block.
            self.wary = true;
            self.message.taken += RESTART + (self.remembered / REMEMBERED_FOR_ONE) as u64;
        }
        Ok(step)
    }
}

const CUT_SHORT: ProtocolError = ProtocolError::Deflate("the message ends inside a block");

/// What one call of the inflater did.
struct Step {
    /// Bytes that went in.
    taken: usize,
    /// Bytes that came out.
    made: usize,
}

impl fmt::Debug for Inflation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflation")
            .field("takeover", &self.takeover)
            .field("remembered", &self.remembered)
            .field("given", &self.message.given)
            .finish_non_exhaustive()
    }
}

#[cold]
fn complaint(inflater: &Inflate) -> ProtocolError {
    ProtocolError::Deflate(match inflater.error_message() {
        // The fast loop of zlib-rs 0.6.8 finds what is wrong, and the slow one then says this instead.
        Some("repeated call with bad state") => {
            "a code is invalid, or refers to what came before the beginning"
        }
        Some(why) => why,
        None => "it is no DEFLATE stream",
    })
}

#[cold]
fn too_long(size: u64, limit: u64) -> ProtocolError {
    ProtocolError::CompressedTooLarge { size, limit }
}

/// What DEFLATE can refer back to, in bytes (RFC 1951 §2).
const WINDOW: usize = 32 << 10;

/// So much is recalled before each message, until there is more: it takes less than 1 µs. A server
/// whose final blocks come behind others shows it in its first messages.
const SOON_RECALLED: usize = 8 << 10;

/// Compressed, a message may take twice the message limit and this. Noise grows by less than a
/// thousandth.
const INPUT_ALLOWANCE: u64 = 64 << 10;

/// The header's byte and the rest of the tail, [`TAIL`](super::TAIL), and bytes that are never to be
/// taken: behind them the inflater's fast loop goes on to the last byte of the payload. They end no
/// stored block's header that begins too late.
const TAIL_AND_PADDING: [u8; 5 + PADDING] = {
    let mut bytes = [0xff; 5 + PADDING];
    [bytes[0], bytes[1], bytes[2]] = [0; 3];
    bytes
};
const PADDING: usize = pool::PADDING;

/// So many bytes may come in for each that has come out, and [`INPUT_WITHOUT_OUTPUT`] beside them:
/// a flush behind each byte takes seven. Blocks that hold nothing keep a processor busy for no more
/// than milliseconds.
const INPUT_RATIO: u64 = 16;
const INPUT_WITHOUT_OUTPUT: u64 = 1 << 20;

/// A final block counts as so many bytes more, and as one for each so many that are remembered: to begin
/// again takes 0.2 µs, and a microsecond with a whole window. Behind every tenth byte it may come for ever.
const RESTART: u64 = 8;
const REMEMBERED_FOR_ONE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn inflation(takeover: bool, max_message_size: usize) -> Inflation {
        let agreed = AgreedDeflate {
            server_no_context_takeover: !takeover,
            client_no_context_takeover: false,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        };
        Inflation::new(agreed, max_message_size)
    }

    /// What comes out of a message whose payload comes in these pieces.
    fn message(inflation: &mut Inflation, pieces: &[&[u8]]) -> Result<Vec<u8>, ProtocolError> {
        let mut out = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            let mut piece = *piece;
            inflation.expect(piece.len() as u64)?;
            loop {
                let (part, more) = inflation.inflate(&mut piece, number + 1 == pieces.len())?;
                out.extend_from_slice(part);
                if !more {
                    break;
                }
            }
        }
        let carried: usize = pieces.iter().map(|piece| piece.len()).sum();
        assert_eq!(inflation.end(), carried as u64);
        Ok(out)
    }

    const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    const HELLO_AGAIN: &[u8] = b"\xf2\x00\x11\x00\x00";
    const HELLO_FINAL: &[u8] = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00";

    #[test]
    fn any_cut_of_a_payload_gives_the_same_message() {
        for payload in [HELLO, HELLO_FINAL] {
            for first in 0..=payload.len() {
                for second in first..=payload.len() {
                    let pieces = [
                        &payload[..first],
                        &payload[first..second],
                        &payload[second..],
                    ];
                    let mut inflation = inflation(true, 5);
                    let what = format!("{payload:x?} cut at {first} and {second}");
                    assert_eq!(
                        message(&mut inflation, &pieces).unwrap(),
                        b"Hello",
                        "{what}"
                    );
                    let again = message(&mut inflation, &[HELLO_AGAIN]).unwrap();
                    assert_eq!(again, b"Hello", "{what}");
                }
            }
        }
    }

    #[test]
    fn only_takeover_keeps_an_inflater_between_messages() {
        let mut with = inflation(true, 100);
        assert!(with.inflater.is_none() && with.scratch.is_empty());
        message(&mut with, &[HELLO]).unwrap();
        assert!(with.inflater.is_some() && with.scratch.is_empty());

        let mut without = inflation(false, 100);
        message(&mut without, &[HELLO]).unwrap();
        assert!(without.inflater.is_none() && without.scratch.is_empty());
        let refused = message(&mut without, &[HELLO_AGAIN]);
        assert!(matches!(refused, Err(ProtocolError::Deflate(_))));
    }

    #[test]
    fn one_byte_past_the_limit_is_inflated_and_no_more() {
        let mut inflation = inflation(true, 4);
        let too_large = ProtocolError::MessageTooLarge { size: 5, limit: 4 };
        assert_eq!(message(&mut inflation, &[HELLO]), Err(too_large));
    }

    #[test]
    fn an_announcement_beyond_twice_the_limit_and_64_kib_is_refused() {
        let mut inflation = inflation(true, 10);
        let most = 20 + (64 << 10);
        assert_eq!(inflation.expect(most), Ok(()));
        assert_eq!(
            inflation.expect(1),
            Err(ProtocolError::CompressedTooLarge {
                size: most + 1,
                limit: most
            })
        );
    }
}
