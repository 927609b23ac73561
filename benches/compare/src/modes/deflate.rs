//! `defl150` and `defl8k`: compressed messages (RFC 7692), with the kernel left out.
//!
//! What is served was compressed by flate2 beforehand, in one context from the first message to the last
//! where context takeover was agreed. What is swallowed is inflated by `miniz_oxide` when the clock has stopped. Every byte is
//! compared in every run.

use std::sync::Arc;

use flate2::{Compress, Compression, FlushCompress};
use miniz_oxide::{DataFormat, MZFlush, inflate::stream};

use crate::{
    adapters::{self, VisitDeflating},
    clock::{Clock, Sample},
    contest::{Pass, Row},
    drive::{apart, drive},
    frames::{RSV1, mask, parse_marked, write_message},
    io::{Backlog, Drain, Sink},
    library::{Class, Deflating, Fault, Kind, Terms, Ws},
    load::{Check, Load, Shape, Style},
};

pub fn rows() -> Result<Vec<Row>, Fault> {
    let mut rows = Vec::new();
    for (mode, len, received, sent) in [
        ("defl150", 150, 60_000, 40_000),
        ("defl8k", 8 << 10, 3_000, 2_000),
    ] {
        for (name, takeover) in [("receive, takeover", true), ("receive, no takeover", false)] {
            let mut build = Receive {
                load: Compressed::new(len, Terms { takeover })?,
                row: Row::new(mode, name, "message", received).of_text(true),
            };
            adapters::each_deflating(&mut build);
            rows.push(build.row);
        }
        for (name, takeover) in [("send, takeover", true), ("send, no takeover", false)] {
            let mut build = Send {
                load: Compressed::new(len, Terms { takeover })?,
                row: Row::new(mode, name, "message", sent),
            };
            adapters::each_deflating(&mut build);
            rows.push(build.row);
        }
    }
    Ok(rows)
}

/// A stretch of messages, and their frames as a server that compresses sends them.
#[derive(Clone)]
struct Compressed {
    terms: Terms,
    /// `wire` has the stretch twice: from the second time on messages refer to those before.
    load: Load,
    /// Where the second time begins.
    again: usize,
}

impl Compressed {
    fn new(len: usize, terms: Terms) -> Result<Self, Fault> {
        let shape = Shape::new(Style::Trades, len);
        let variety = VARIETY_BYTES / len;
        let messages: Arc<[_]> = (0..variety).map(|index| shape.payload(index)).collect();
        let mut compress = Compress::new(Compression::default(), false);
        let mut wire = Vec::new();
        let mut again = 0;
        for round in 0..2 {
            if round == 1 {
                again = wire.len();
            }
            for message in messages.iter() {
                if !terms.takeover {
                    compress.reset();
                }
                let mut payload = Vec::with_capacity(2 * len + 64);
                compress.compress_vec(message, &mut payload, FlushCompress::Sync)?;
                let payload = payload
                    .strip_suffix(&TAIL)
                    .ok_or("a message without a tail")?;
                let start = wire.len();
                write_message(&mut wire, shape.style.kind(), 1, payload);
                wire[start] |= RSV1;
            }
        }
        let load = Load {
            shape,
            messages,
            wire: wire.into(),
        };
        Ok(Self { terms, load, again })
    }

    /// As many messages as are a whole number of stretches, and their bytes on the wire.
    fn whole(&self, count: usize) -> (usize, usize) {
        let rounds = count.div_ceil(self.load.messages.len());
        let again = self.load.wire.len() - self.again;
        let count = rounds * self.load.messages.len();
        (count, self.again + (rounds - 1) * again)
    }
}

struct Receive {
    load: Compressed,
    row: Row,
}

impl VisitDeflating for Receive {
    fn visit<L: Deflating>(&mut self) {
        let load = self.load.clone();
        self.row.add::<L>(move |count, _| {
            let (count, bytes) = load.whole(count);
            drive(async {
                let io = Backlog::looping(&load.load.wire, load.again, bytes);
                let ws = L::wrap_compressed(io, load.terms).await?;
                apart(look(ws, &load.load, count)).await
            })
        });
    }
}

async fn look<W: Ws>(mut ws: W, load: &Load, count: usize) -> Result<Sample, Fault> {
    let mut check = Check::new(load, true);
    let clock = Clock::start();
    ws.receive(count, &mut |kind, payload| check.look(kind, payload))
        .await?;
    let sample = clock.stop(count);
    check.verdict(count)?;
    Ok(sample)
}

struct Send {
    load: Compressed,
    row: Row,
}

impl VisitDeflating for Send {
    fn visit<L: Deflating>(&mut self) {
        let load = self.load.clone();
        self.row.add::<L>(move |count, pass| {
            let drain = Drain::default();
            // More than anyone makes of it.
            let io = Sink::keeping(&drain, count * (load.load.shape.len + 64));
            let mut sample = drive(async {
                let ws = L::wrap_compressed(io, load.terms).await?;
                apart(send_all(ws, &load.load, count)).await
            })?;
            let written = std::mem::take(&mut *drain.lock().map_err(|_| "a client panicked")?);
            verify::<L>(&written.kept, &load, count, pass)?;
            sample.written = written.bytes;
            Ok(sample)
        });
    }
}

/// One message to a flush.
async fn send_all<W: Ws>(mut ws: W, load: &Load, count: usize) -> Result<Sample, Fault> {
    let texts: Vec<_> = load
        .messages
        .iter()
        .map(|message| Ok(W::text(std::str::from_utf8(message)?)))
        .collect::<Result<_, Fault>>()?;
    let clock = Clock::start();
    for text in texts.iter().cycle().take(count) {
        ws.feed_text(text).await?;
        ws.flush().await?;
    }
    Ok(clock.stop(count))
}

/// All were sent, compressed, and within what was agreed: inflated in one context, or each in a fresh one, they are what was
/// given.
fn verify<L: Deflating>(
    written: &[u8],
    load: &Compressed,
    count: usize,
    pass: Pass,
) -> Result<(), Fault> {
    let mut rest = written;
    let mut last_key = None;
    let mut state = stream::InflateState::new_boxed(DataFormat::Raw);
    let mut output = vec![0; load.load.shape.len + 1];
    for expected in load.load.messages.iter().cycle().take(count) {
        let frame = parse_marked(rest, RSV1)?.ok_or("a frame is missing")?;
        let mut payload = rest[frame.payload.clone()].to_vec();
        mask(&mut payload, frame.key);
        payload.extend(TAIL);
        if !load.terms.takeover {
            state.reset(DataFormat::Raw);
        }
        let done = stream::inflate(&mut state, &payload, &mut output, MZFlush::Partial);
        let whole = done.status.is_ok() && done.bytes_consumed == payload.len();
        if !whole || frame.kind != Kind::Text || output[..done.bytes_written] != expected[..] {
            return Err("a message differs".into());
        }
        if last_key.replace(frame.key) == Some(frame.key) && L::CLASS != Class::Floor {
            return Err("two frames in a row have the same masking key".into());
        }
        rest = &rest[frame.payload.end..];
    }
    if !rest.is_empty() {
        return Err(format!("{} bytes more than were due, {pass:?}", rest.len()).into());
    }
    Ok(())
}

/// What ends a message and is not sent (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// About how many bytes of different messages: four times the largest window, so that a message is never found whole in it.
const VARIETY_BYTES: usize = 128 << 10;
