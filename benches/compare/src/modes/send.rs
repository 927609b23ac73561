//! `inmem`, sending and echoing: header, masking key, masking, and whatever buffers lie between.
//!
//! What is swallowed is counted in every run, and in the pass before the contest unmasked and compared.

use crate::{
    adapters::{self, Visit},
    clock::{Clock, Sample},
    contest::{Pass, Row},
    drive::{apart, drive},
    frames::{mask, masked_len, parse_masked},
    io::{Drain, Mirror, Sink, Written},
    library::{Class, Fault, Kind, Library, Profile, Setup, Ws},
    load::{Load, Shape},
};

pub fn rows() -> Vec<Row> {
    vec![
        send(
            "send 150 B json, 64 fed then flushed",
            Shape::json(150),
            64,
            192_000,
        ),
        send(
            "send 150 B json, flushed one by one",
            Shape::json(150),
            1,
            200_000,
        ),
        send("send 1 KiB binary", Shape::binary(1024), 1, 100_000),
        send("send 16 KiB binary", Shape::binary(16 * 1024), 1, 30_000),
        send("send 64 KiB binary", Shape::binary(64 << 10), 1, 3_000),
        send("send 1 MiB binary", Shape::binary(1 << 20), 1, 150),
        echo("echo 64 B binary", Shape::binary(64), 150_000),
        echo("echo 1 KiB binary", Shape::binary(1024), 100_000),
        echo("echo 8 KiB binary", Shape::binary(8 * 1024), 30_000),
    ]
}

fn send(name: &'static str, shape: Shape, batch: usize, count: usize) -> Row {
    let mut build = Send {
        shape,
        batch,
        row: Row::new("inmem", name, "message", count),
    };
    adapters::each(&mut build);
    build.row
}

fn echo(name: &'static str, shape: Shape, count: usize) -> Row {
    let mut build = Echo {
        load: Load::new(shape),
        row: Row::new("inmem", name, "message", count),
    };
    adapters::each(&mut build);
    build.row
}

struct Send {
    shape: Shape,
    batch: usize,
    row: Row,
}

impl Visit for Send {
    fn visit<L: Library>(&mut self) {
        let (shape, batch) = (self.shape, self.batch);
        let payload = shape.payload(0);
        self.row.add::<L>(move |count, pass| {
            let count = count.next_multiple_of(batch);
            let drain = Drain::default();
            let io = Sink::new(&drain, pass == Pass::Verify);
            let setup = Setup {
                profile: Profile::Busy,
                shape,
            };
            let sample = drive(async {
                let ws = L::wrap(io, setup).await?;
                apart(send_all(ws, shape.style.kind(), &payload, count, batch)).await
            })?;
            let written = take(&drain)?;
            verify::<L>(&written, shape, count, pass, |_| &payload)?;
            Ok(sample)
        });
    }
}

struct Echo {
    load: Load,
    row: Row,
}

impl Visit for Echo {
    fn visit<L: Library>(&mut self) {
        let load = self.load.clone();
        self.row.add::<L>(move |count, pass| {
            let shape = load.shape;
            let drain = Drain::default();
            let sink = Sink::new(&drain, pass == Pass::Verify);
            let io = Mirror::new(&load.wire, shape, count, sink);
            let setup = Setup {
                profile: Profile::Quiet,
                shape,
            };
            let sample = drive(async {
                let ws = L::wrap(io, setup).await?;
                apart(echo_all(ws, count)).await
            })?;
            let written = take(&drain)?;
            verify::<L>(&written, shape, count, pass, |index| {
                &load.messages[index % load.messages.len()]
            })?;
            Ok(sample)
        });
    }
}

async fn send_all<W: Ws>(
    mut ws: W,
    kind: Kind,
    payload: &[u8],
    count: usize,
    batch: usize,
) -> Result<Sample, Fault> {
    let clock = feed(&mut ws, kind, payload, count, batch).await?;
    Ok(clock.stop(count))
}

async fn echo_all<W: Ws>(mut ws: W, count: usize) -> Result<Sample, Fault> {
    let clock = Clock::start();
    ws.echo(count).await?;
    Ok(clock.stop(count))
}

/// Sends a message `count` times, so many to a flush. The clock runs from when the message was ready.
pub async fn feed<W: Ws>(
    ws: &mut W,
    kind: Kind,
    payload: &[u8],
    count: usize,
    batch: usize,
) -> Result<Clock, Fault> {
    match kind {
        Kind::Text => {
            let text = W::text(std::str::from_utf8(payload)?);
            let clock = Clock::start();
            for _ in 0..count / batch {
                for _ in 0..batch {
                    ws.feed_text(&text).await?;
                }
                ws.flush().await?;
            }
            Ok(clock)
        }
        Kind::Binary => {
            let bytes = W::binary(payload);
            let clock = Clock::start();
            for _ in 0..count / batch {
                for _ in 0..batch {
                    ws.feed_binary(&bytes).await?;
                }
                ws.flush().await?;
            }
            Ok(clock)
        }
    }
}

fn take(drain: &Drain) -> Result<Written, Fault> {
    let mut written = drain.lock().map_err(|_| "a client panicked")?;
    Ok(std::mem::take(&mut written))
}

/// The length always; every frame in the pass for it. The row that parses nothing does not know what it echoes.
fn verify<'a, L: Library>(
    written: &Written,
    shape: Shape,
    count: usize,
    pass: Pass,
    expected: impl Fn(usize) -> &'a Vec<u8>,
) -> Result<(), Fault> {
    let due = count * masked_len(shape.len);
    if written.bytes != due {
        return Err(format!("{} bytes written, {due} due", written.bytes).into());
    }
    if pass == Pass::Measure || L::CLASS == Class::Limit {
        return Ok(());
    }
    let mut rest = &written.kept[..];
    let mut last_key = None;
    for index in 0..count {
        let frame = parse_masked(rest)?.ok_or("a frame is missing")?;
        let mut payload = rest[frame.payload.clone()].to_vec();
        mask(&mut payload, frame.key);
        if frame.kind != shape.style.kind() || payload != *expected(index) {
            return Err(format!("message {index} differs").into());
        }
        if last_key.replace(frame.key) == Some(frame.key) {
            return Err("two frames in a row have the same masking key".into());
        }
        rest = &rest[frame.payload.end..];
    }
    Ok(())
}
