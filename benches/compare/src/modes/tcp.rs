//! `flood`, `tls`, `send`, `echo`, `connect`: over loopback, so with the kernel's share, which is the same for all.

use std::{
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::ClientConfig;

use crate::{
    adapters::{self, Visit},
    clock::{Clock, Sample},
    contest::{Pass, Row},
    dial,
    drive::apart,
    library::{Class, Fault, Io, Library, Profile, Setup, Ws},
    load::{Check, Load, Shape},
    modes::send::feed,
    place, runtime,
    server::{Server, Task, Work},
    tls,
};

pub fn rows(server: &Rc<Server>) -> Result<Vec<Row>, Fault> {
    let config = tls::client(server.identity.certificate.clone())?;
    let build = |job, mode, name, unit, shape: Shape, count| {
        let mut build = Build {
            job,
            server: Rc::clone(server),
            config: Arc::clone(&config),
            load: Load::new(shape),
            row: Row::new(mode, name, unit, count).of_text(shape == FEED),
        };
        if matches!(job, Job::Flood | Job::Tls) {
            adapters::each_receiver(&mut build);
        } else {
            adapters::each(&mut build);
        }
        build.row
    };
    let message = "message";
    let trip = "round trip";
    Ok(vec![
        build(Job::Flood, "flood", "150 B json", message, FEED, 300_000),
        build(Job::Tls, "tls", "flood, 150 B json", message, FEED, 300_000),
        build(
            Job::Send(64),
            "send",
            "150 B json, 64 fed then flushed",
            message,
            FEED,
            192_000,
        ),
        build(
            Job::Send(1),
            "send",
            "150 B json, flushed one by one",
            message,
            FEED,
            20_000,
        ),
        build(
            Job::Echo,
            "echo",
            "64 B binary",
            trip,
            Shape::binary(64),
            4_000,
        ),
        build(
            Job::Echo,
            "echo",
            "1 KiB binary",
            trip,
            Shape::binary(1024),
            4_000,
        ),
        build(
            Job::Echo,
            "echo",
            "64 KiB binary",
            trip,
            Shape::binary(64 << 10),
            1_000,
        ),
        build(
            Job::Connect,
            "connect",
            "opening handshake",
            "handshake",
            Shape::binary(0),
            300,
        ),
    ])
}

const FEED: Shape = Shape::json(150);

#[derive(Clone, Copy)]
enum Job {
    Flood,
    Tls,
    /// So many messages between flushes.
    Send(usize),
    Echo,
    Connect,
}

struct Build {
    job: Job,
    server: Rc<Server>,
    config: Arc<ClientConfig>,
    load: Load,
    row: Row,
}

impl Visit for Build {
    fn visit<L: Library>(&mut self) {
        let (job, server, load) = (self.job, Rc::clone(&self.server), self.load.clone());
        let config = Arc::clone(&self.config);
        let shape = load.shape;
        self.row.add::<L>(move |count, pass| {
            place::client();
            let task = |work| Task { work, shape, count };
            let (plain, secure) = (server.plain, server.tls);
            runtime::block_on(async {
                match job {
                    Job::Flood => {
                        let io = dial::ws(plain, task(Work::Flood)).await?;
                        apart(flood::<L>(io, &load, count, pass)).await
                    }
                    Job::Tls => {
                        let io = dial::wss(secure, &config, task(Work::Flood)).await?;
                        apart(flood::<L>(io, &load, count, pass)).await
                    }
                    Job::Send(batch) => {
                        let count = count.next_multiple_of(batch);
                        let task = Task {
                            count,
                            ..task(Work::Drain)
                        };
                        let io = dial::ws(plain, task).await?;
                        let setup = Setup {
                            profile: Profile::Busy,
                            shape: Task::reply(),
                        };
                        if batch > 1 {
                            apart(send(
                                L::wrap_batching(io, setup).await?,
                                &load,
                                batch,
                                count,
                            ))
                            .await
                        } else {
                            apart(send(L::wrap(io, setup).await?, &load, batch, count)).await
                        }
                    }
                    Job::Echo => {
                        let io = dial::ws(plain, task(Work::Echo)).await?;
                        apart(echo::<L>(io, &load, count, pass)).await
                    }
                    Job::Connect => {
                        let clock = Clock::start();
                        for _ in 0..count {
                            L::handshake(dial::tcp(plain).await?).await?;
                        }
                        Ok(clock.stop(count))
                    }
                }
            })
        });
    }
}

async fn flood<L: Library>(
    io: impl Io,
    load: &Load,
    count: usize,
    pass: Pass,
) -> Result<Sample, Fault> {
    let setup = Setup {
        profile: Profile::Busy,
        shape: load.shape,
    };
    let mut ws = L::wrap(io, setup).await?;
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

/// The clock stops when the server has said that all arrived, so that nothing is left in a buffer.
async fn send<W: Ws>(mut ws: W, load: &Load, batch: usize, count: usize) -> Result<Sample, Fault> {
    let mut approved = true;
    let (kind, payload) = (load.shape.style.kind(), &load.messages[0]);
    let clock = feed(&mut ws, kind, payload, count, batch).await?;
    ws.receive(1, &mut |kind, payload| {
        approved = Task::approves(kind, payload);
    })
    .await?;
    let sample = clock.stop(count);
    if !approved {
        return Err("the server's verdict is not that all was well".into());
    }
    Ok(sample)
}

async fn echo<L: Library>(
    io: impl Io,
    load: &Load,
    count: usize,
    pass: Pass,
) -> Result<Sample, Fault> {
    let setup = Setup {
        profile: if load.shape.len > SMALL {
            Profile::Busy
        } else {
            Profile::Quiet
        },
        shape: load.shape,
    };
    let mut ws = L::wrap(io, setup).await?;
    let messages = binaries(&ws, &load.messages);
    let mut check = Check::new(load, pass == Pass::Verify);
    let mut laps = vec![Duration::ZERO; count];
    let clock = Clock::start();
    for (message, lap) in messages.iter().cycle().zip(&mut laps) {
        let started = Instant::now();
        ws.feed_binary(message).await?;
        ws.flush().await?;
        ws.receive(1, &mut |kind, payload| check.look(kind, payload))
            .await?;
        *lap = started.elapsed();
    }
    let sample = clock.stop(count);
    if L::CLASS != Class::Limit {
        check.verdict(count)?;
    }
    Ok(Sample { laps, ..sample })
}

/// Names the type of what is sent by the connection that will send it.
fn binaries<W: Ws>(_: &W, messages: &[Vec<u8>]) -> Vec<W::Binary> {
    messages.iter().map(|message| W::binary(message)).collect()
}

/// Up to here a message fits the buffers of someone who expects one at a time.
const SMALL: usize = 4 * 1024;
