//! `inmem`, receiving: what a library costs with the kernel left out.

use crate::{
    adapters::{self, Visit},
    clock::{Clock, Sample},
    contest::{Pass, Row},
    drive::{apart, drive},
    io::{Backlog, Quiet},
    library::{Class, Fault, Kind, Library, Profile, Setup, Ws},
    load::{Check, Load, Shape, Style},
};

/// How messages come, and what becomes of them.
#[derive(Clone, Copy)]
enum Way {
    /// As many as a read takes, looked at and dropped.
    Backlog,
    /// One, then `Pending`.
    Quiet,
    /// As a backlog; the last thousand are kept.
    Kept,
}

pub fn rows() -> Vec<Row> {
    use Way::{Backlog, Kept, Quiet};
    let fragmented = Shape {
        frames: 4,
        ..Shape::json(600)
    };
    vec![
        row("receive 150 B json", Shape::json(150), Backlog, 300_000),
        row("receive 16 B binary", Shape::binary(16), Backlog, 300_000),
        row("receive 1 KiB json", Shape::json(1024), Backlog, 100_000),
        row(
            "receive 1 KiB binary",
            Shape::binary(1024),
            Backlog,
            100_000,
        ),
        row(
            "receive 1 KiB non-ascii",
            Shape::new(Style::World, 1024),
            Backlog,
            60_000,
        ),
        row(
            "receive 150 B json, quiet",
            Shape::json(150),
            Quiet,
            200_000,
        ),
        row(
            "receive 150 B json, 1,000 kept",
            Shape::json(150),
            Kept,
            200_000,
        ),
        row(
            "receive 600 B json in 4 frames",
            fragmented,
            Backlog,
            60_000,
        ),
        row(
            "receive 64 KiB binary",
            Shape::binary(64 << 10),
            Backlog,
            3_000,
        ),
        row("receive 1 MiB binary", Shape::binary(1 << 20), Backlog, 200),
    ]
}

fn row(name: &'static str, shape: Shape, way: Way, count: usize) -> Row {
    let mut build = Build {
        load: Load::new(shape),
        way,
        row: Row::new("inmem", name, "message", count).of_text(shape.style.kind() == Kind::Text),
    };
    adapters::each_receiver(&mut build);
    build.row
}

struct Build {
    load: Load,
    way: Way,
    row: Row,
}

impl Visit for Build {
    fn visit<L: Library>(&mut self) {
        let (load, way) = (self.load.clone(), self.way);
        self.row.add::<L>(move |count, pass| {
            let bytes = load.shape.wire() * count;
            let setup = |profile| Setup {
                profile,
                shape: load.shape,
            };
            drive(async {
                match way {
                    Way::Backlog => {
                        let io = Backlog::new(&load.wire, bytes);
                        let ws = L::wrap(io, setup(Profile::Busy)).await?;
                        apart(look::<L, _>(ws, &load, count, pass)).await
                    }
                    Way::Quiet => {
                        let io = Quiet::new(&load.wire, load.shape.wire(), count);
                        let ws = L::wrap(io, setup(Profile::Quiet)).await?;
                        apart(look::<L, _>(ws, &load, count, pass)).await
                    }
                    Way::Kept => {
                        let io = Backlog::new(&load.wire, bytes);
                        let ws = L::wrap(io, setup(Profile::Busy)).await?;
                        apart(keep::<L, _>(ws, &load, count)).await
                    }
                }
            })
        });
    }
}

async fn look<L: Library, W: Ws>(
    mut ws: W,
    load: &Load,
    count: usize,
    pass: Pass,
) -> Result<Sample, Fault> {
    let mut check = Check::new(load, pass == Pass::Verify);
    let clock = Clock::start();
    ws.receive(count, &mut |kind, payload| check.look(kind, payload))
        .await?;
    let sample = clock.stop(count);
    if L::CLASS != Class::Limit {
        check.verdict(count)?;
    }
    Ok(sample)
}

/// The ring is compared, every byte, when the clock has stopped.
async fn keep<L: Library, W: Ws>(mut ws: W, load: &Load, count: usize) -> Result<Sample, Fault> {
    let mut ring: Vec<Option<W::Owned>> = (0..KEPT).map(|_| None).collect();
    let mut next = 0;
    let clock = Clock::start();
    ws.receive_owned(count, &mut |message| {
        ring[next % KEPT] = Some(message);
        next += 1;
    })
    .await?;
    let sample = clock.stop(count);
    if L::CLASS != Class::Limit {
        if next != count {
            return Err(format!("{next} messages of {count} arrived").into());
        }
        for index in count.saturating_sub(KEPT)..count {
            let expected = load.messages[index % load.messages.len()].as_slice();
            let kept = ring[index % KEPT].as_ref().map(W::payload);
            if kept != Some(expected) {
                return Err(format!("message {index} differs").into());
            }
        }
    }
    Ok(sample)
}

const KEPT: usize = 1_000;
