//! DEFLATE at its quickest (RFC 1951): what level 1 is here.
//!
//! One block of fixed codes a message, and for each four bytes the place where they were last seen.
//! zlib-rs does the same at its level 1, and makes messages as small as this does; but its table takes
//! 128 KiB, which it walks through for every window that has passed and clears at every reset. A trade
//! of 150 bytes takes it 240 ns, and 1,400 where each message stands alone; here 95 and 260. Here the
//! table is but hints: whatever it says is compared before it is believed, so it is never cleared.

use super::bits::{Bits, LONGEST, distance_code, length_code, literal_code};

/// Compresses messages, each of which may refer to those before it.
pub(super) struct Quick {
    /// What came last, with what is being compressed at its end.
    window: Box<[u8]>,
    /// How much of it is used.
    end: usize,
    /// Nothing before it is referred to.
    floor: usize,
    /// Where `window` begins, as the table counts: modulo 65,536.
    base: u16,
    /// Where four bytes of this hash were last seen.
    seen: Box<[u16]>,
    /// How far back a reference may go, in bytes.
    reach: usize,
    /// Where the last message begins; `None` once that has been moved or what was before it lost.
    last: Option<usize>,
}

impl Quick {
    pub(super) fn new(window_bits: u8) -> Self {
        let reach = 1 << window_bits;
        Self {
            window: vec![0; reach + CHUNK].into(),
            end: 0,
            floor: 0,
            base: 0,
            seen: vec![0; SLOTS].into(),
            reach,
            last: None,
        }
    }

    /// Compresses a message into `room`: how long it is without its tail. `None` if it does not
    /// fit there; what it would refer to later is then not to be relied on, and
    /// [`forget_last`](Self::forget_last) must follow.
    pub(super) fn compress(&mut self, payload: &[u8], room: &mut [u8]) -> Option<usize> {
        let mut bits = Bits::new(room);
        // Not final, fixed codes (RFC 1951 §3.2.3).
        bits.put(0b010, 3);
        self.last = Some(self.end);
        for chunk in payload.chunks(CHUNK) {
            self.make_room(chunk.len());
            let start = self.end;
            self.end += chunk.len();
            self.window[start..self.end].copy_from_slice(chunk);
            self.block(start, &mut bits)?;
        }
        // The block's end, and the header of the empty stored block that follows.
        bits.put(0, 7 + 3);
        bits.finish()
    }

    /// Refers to nothing of what was compressed so far.
    pub(super) fn forget(&mut self) {
        self.floor = self.end;
        self.last = None;
    }

    /// Goes back to before the last message, or forgets all if there is no way back.
    pub(super) fn forget_last(&mut self) {
        match self.last.take() {
            Some(last) => self.end = last,
            None => self.forget(),
        }
    }

    /// Makes room for a chunk behind what can be referred to.
    fn make_room(&mut self, len: usize) {
        if self.window.len() - self.end >= len {
            return;
        }
        let lost = self.end - self.reach.min(self.end);
        self.window.copy_within(lost..self.end, 0);
        self.end -= lost;
        self.floor = self.floor.saturating_sub(lost);
        #[expect(clippy::cast_possible_truncation, reason = "modulo 65,536")]
        {
            self.base = self.base.wrapping_add(lost as u16);
        }
        self.last = None;
    }

    /// Compresses the window from `at` on.
    fn block(&mut self, mut at: usize, bits: &mut Bits<'_>) -> Option<()> {
        let window = &self.window[..self.end];
        let seen = self.seen.first_chunk_mut::<SLOTS>()?;
        while let Some(four) = window[at..].first_chunk() {
            let word = u32::from_le_bytes(*four);
            let slot = slot(word);
            #[expect(clippy::cast_possible_truncation, reason = "modulo 65,536")]
            let here = self.base.wrapping_add(at as u16);
            let distance = usize::from(here.wrapping_sub(seen[slot]));
            seen[slot] = here;
            // Zero is what was seen 65,536 bytes ago.
            if distance.wrapping_sub(1) < self.reach.min(at - self.floor) {
                let earlier = &window[at - distance..];
                if earlier.first_chunk() == Some(four) {
                    let most = &window[at + 4..window.len().min(at + LONGEST)];
                    let length = 4 + common(&earlier[4..], most);
                    let (code, len) = length_code(length);
                    bits.put(code, len);
                    let (code, len) = distance_code(distance);
                    bits.put(code, len);
                    bits.spill()?;
                    at += length;
                    continue;
                }
            }
            let (code, len) = literal_code(four[0]);
            bits.put(code, len);
            bits.spill()?;
            at += 1;
        }
        for &byte in &window[at..] {
            let (code, len) = literal_code(byte);
            bits.put(code, len);
            bits.spill()?;
        }
        Some(())
    }
}

#[inline]
fn slot(word: u32) -> usize {
    (word.wrapping_mul(0x9e37_79b1) >> (32 - SLOTS.ilog2())) as usize % SLOTS
}

/// How many bytes two slices have in common from their beginning.
#[inline]
fn common(one: &[u8], other: &[u8]) -> usize {
    let mut len = 0;
    while let (Some(left), Some(right)) = (one[len..].first_chunk(), other[len..].first_chunk()) {
        let differ = u64::from_le_bytes(*left) ^ u64::from_le_bytes(*right);
        if differ != 0 {
            return len + differ.trailing_zeros() as usize / 8;
        }
        len += 8;
    }
    let rest = one[len..].iter().zip(&other[len..]);
    len + rest.take_while(|(left, right)| left == right).count()
}

/// So much is compressed before room is made again.
const CHUNK: usize = 8 << 10;

/// How many hashes there are. Half as many take 16 KiB less, and 15 % longer over JSON that does not
/// repeat itself.
const SLOTS: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use zlib_rs::{Inflate, InflateFlush, Status};

    use super::*;
    use crate::protocol::deflate::TAIL;

    /// What comes of a message at a decoder with such a window.
    fn inflated(inflate: &mut Inflate, payload: &[u8], len: usize) -> Vec<u8> {
        let mut out = vec![0; len + 1];
        let before = inflate.total_out();
        let input = [payload, &TAIL].concat();
        let status = inflate.decompress(&input, &mut out, InflateFlush::SyncFlush);
        assert_eq!(status, Ok(Status::Ok));
        out.truncate(usize::try_from(inflate.total_out() - before).unwrap());
        out
    }

    fn compressed(quick: &mut Quick, message: &[u8]) -> Vec<u8> {
        let mut room = vec![0; message.len() * 9 / 8 + 16];
        let len = quick.compress(message, &mut room).unwrap();
        room.truncate(len);
        room
    }

    /// Bytes of few or of many kinds, with repetitions near and far.
    fn message(seed: u32, len: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()
        };
        let mut bytes = Vec::new();
        while bytes.len() < len {
            let [kind, low, high, more] = next();
            let back = usize::from(u16::from_le_bytes([low, high]));
            match kind % 4 {
                0 if back < bytes.len() => {
                    let from = bytes.len() - back - 1;
                    let to = bytes.len().min(from + usize::from(more) * 3);
                    bytes.extend_from_within(from..to);
                }
                1 => bytes.extend([more].repeat(back % 700)),
                2 => bytes.extend((0..more).map(|_| next()[1])),
                _ => bytes.extend((0..more).map(|_| next()[1] % 5)),
            }
        }
        bytes.truncate(len);
        bytes
    }

    #[test]
    fn messages_of_every_kind_and_window_are_read_as_they_were() {
        for bits in 9..=15 {
            let mut quick = Quick::new(bits);
            let mut inflate = Inflate::new(false, bits);
            for (seed, len) in (0..60).zip(
                [1, 2, 3, 4, 5, 150, 700, 5_000, 30_000, 200_000]
                    .iter()
                    .cycle(),
            ) {
                let message = message(seed, *len);
                let payload = compressed(&mut quick, &message);
                assert!(
                    inflated(&mut inflate, &payload, *len) == message,
                    "{bits} {seed}"
                );
            }
        }
    }

    #[test]
    fn what_is_forgotten_is_not_referred_to() {
        let mut quick = Quick::new(12);
        for seed in 0..200 {
            let message = message(seed / 3, 1_000);
            quick.forget();
            let payload = compressed(&mut quick, &message);
            let read = inflated(&mut Inflate::new(false, 12), &payload, 1_000);
            assert!(read == message, "{seed}");
        }
    }

    #[test]
    fn a_message_that_was_not_sent_leaves_no_trace() {
        let mut quick = Quick::new(12);
        let mut inflate = Inflate::new(false, 12);
        for seed in 0..300 {
            let len = [100, 900, 20_000][seed as usize % 3];
            compressed(&mut quick, &message(seed + 1_000, len));
            quick.forget_last();
            let sent = message(seed / 2, 500);
            let payload = compressed(&mut quick, &sent);
            assert!(inflated(&mut inflate, &payload, 500) == sent, "{seed}");
        }
    }

    #[test]
    fn a_message_that_does_not_fit_is_not_finished() {
        let mut quick = Quick::new(12);
        let noise: Vec<u8> = (0..10_000_u32)
            .map(|at| at.wrapping_mul(0x9e37_79b1).to_le_bytes()[3])
            .collect();
        assert_eq!(quick.compress(&noise, &mut [0; 2_000]), None);
    }
}
