//! Two tasks that poll one connection, by hand: whoever waits is woken, although the socket remembers
//! one waker for each direction and both tasks read and write.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::{Sink, Stream};
use longwire::{Config, ErrorKind, Message, WsStream};
use tokio::task::unconstrained;

use crate::support::pipe::{Far, Near, pipe};
use crate::support::random::Random;
use crate::support::run::paused;
use crate::support::scripted::upgraded;
use crate::support::wire::{self, ClientFrames, close, ping, text};

/// A task that is only a flag.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One of two tasks that poll the same stream.
struct Task {
    flag: Arc<Flag>,
    waker: Waker,
}

impl Task {
    fn new() -> Self {
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(Arc::clone(&flag));
        Self { flag, waker }
    }

    fn cx(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }

    fn woken(&self) -> bool {
        self.flag.0.swap(false, Ordering::Relaxed)
    }
}

fn poll_next(
    ws: &mut WsStream<Near>,
    task: &Task,
) -> Poll<Option<Result<Message, longwire::Error>>> {
    Pin::new(ws).poll_next(&mut task.cx())
}

fn poll_flush(ws: &mut WsStream<Near>, task: &Task) -> Poll<Result<(), longwire::Error>> {
    Pin::new(ws).poll_flush(&mut task.cx())
}

/// The writer waits for room; the reader then writes a Pong, and must not take its waker away.
#[test]
fn a_reader_that_writes_does_not_take_the_writers_waker() {
    paused(unconstrained(async {
        let (near, far) = pipe(100);
        let mut ws = upgraded(near, Config::default().write_high_water(0));
        let (reader, writer) = (Task::new(), Task::new());
        assert!(Pin::new(&mut ws).poll_ready(&mut writer.cx()).is_ready());
        Pin::new(&mut ws).start_send(vec![7; 1_000].into()).unwrap();
        assert!(poll_flush(&mut ws, &writer).is_pending());
        far.put(&ping("p").bytes());
        assert!(poll_next(&mut ws, &reader).is_pending());
        let mut frames = ClientFrames::default();
        for _ in 0..100 {
            frames.push(&far.take(usize::MAX));
            let (read, wrote) = (reader.woken(), writer.woken());
            if read {
                assert!(poll_next(&mut ws, &reader).is_pending());
            }
            if wrote && poll_flush(&mut ws, &writer).is_ready() {
                frames.push(&far.take(usize::MAX));
                assert_eq!(frames.next().unwrap().payload, [7; 1_000]);
                assert_eq!(frames.next().unwrap().payload, b"p");
                return;
            }
            assert!(read || wrote, "nobody was woken, and the writer waits");
        }
        panic!("the writer waits for ever");
    }));
}

/// The reader finishes what the writer waits for: the writer has to hear of it.
#[test]
fn a_reader_that_empties_the_queue_wakes_the_writer() {
    paused(unconstrained(async {
        let (near, far) = pipe(100);
        let mut ws = upgraded(near, Config::default().write_high_water(0));
        let (reader, writer) = (Task::new(), Task::new());
        assert!(poll_next(&mut ws, &reader).is_pending());
        assert!(Pin::new(&mut ws).poll_ready(&mut writer.cx()).is_ready());
        Pin::new(&mut ws).start_send(vec![7; 300].into()).unwrap();
        assert!(poll_flush(&mut ws, &writer).is_pending());
        for _ in 0..100 {
            far.take(usize::MAX);
            // Only the reader's task runs, as often as it likes.
            far.put(&ping("p").bytes());
            reader.woken();
            assert!(poll_next(&mut ws, &reader).is_pending());
            if writer.woken() && poll_flush(&mut ws, &writer).is_ready() {
                return;
            }
        }
        panic!("the writer was never woken");
    }));
}

/// A close reads what the reader waits for: the reader has to hear of the end.
#[test]
fn a_writer_that_closes_wakes_the_reader() {
    paused(unconstrained(async {
        let (near, far) = pipe(1_000);
        let mut ws = upgraded(near, Config::default());
        let (reader, writer) = (Task::new(), Task::new());
        assert!(poll_next(&mut ws, &reader).is_pending());
        assert!(Pin::new(&mut ws).poll_close(&mut writer.cx()).is_pending());
        far.put(&close(1000, "").bytes());
        far.finish();
        let mut closed = false;
        for _ in 0..100 {
            let (read, wrote) = (reader.woken(), writer.woken());
            assert!(read || wrote, "nobody was woken, and the reader waits");
            if wrote && !closed {
                closed = Pin::new(&mut ws).poll_close(&mut writer.cx()).is_ready();
            }
            if read && matches!(poll_next(&mut ws, &reader), Poll::Ready(None)) {
                return;
            }
        }
        panic!("the reader waits for ever");
    }));
}

/// A close is begun and nobody waits for it but the reader: it has to watch the deadline.
#[test]
fn a_reader_watches_the_deadline_of_a_close_that_another_task_began() {
    paused(unconstrained(async {
        let (near, _far) = pipe(1_000);
        let mut ws = upgraded(near, Config::default());
        let (reader, writer) = (Task::new(), Task::new());
        assert!(poll_next(&mut ws, &reader).is_pending());
        let begun = pin!(ws.start_close(1000, "")).poll(&mut writer.cx());
        assert!(matches!(begun, Poll::Ready(Ok(()))));
        assert!(reader.woken(), "nobody looks at the deadline");
        assert!(poll_next(&mut ws, &reader).is_pending());
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(reader.woken(), "the deadline has passed");
        let end = poll_next(&mut ws, &reader);
        assert!(
            matches!(&end, Poll::Ready(Some(Err(error))) if error.kind() == ErrorKind::Timeout),
            "{end:?}"
        );
    }));
}

/// The writer looks first, sees nothing, and waits for room that never comes; then the reader learns
/// of the end. The writer has to hear of it, whatever the end is.
#[test]
fn a_reader_that_learns_of_the_end_wakes_the_writer() {
    paused(unconstrained(async {
        let endings = [
            Vec::new(),
            close(1000, "").bytes(),
            text("x").rsv(1).bytes(),
            text(b"\xff").bytes(),
        ];
        for last in endings {
            let (near, far) = pipe(100);
            let mut ws = upgraded(near, Config::default().write_high_water(0));
            let (reader, writer) = (Task::new(), Task::new());
            Pin::new(&mut ws).start_send(vec![7; 1_000].into()).unwrap();
            let waits = |ws: &mut WsStream<Near>, task: &Task| {
                Pin::new(ws).poll_ready(&mut task.cx()).is_pending()
            };
            assert!(waits(&mut ws, &writer));
            assert!(poll_next(&mut ws, &reader).is_pending());
            far.put(&last);
            far.finish();
            assert!(waits(&mut ws, &writer));
            writer.woken();
            let _ = poll_next(&mut ws, &reader);
            assert!(writer.woken(), "the writer waits for ever");
            assert!(!waits(&mut ws, &writer));
        }
    }));
}

/// Random turns of two tasks and a peer, in which only who was woken is polled: whenever nobody is
/// awake, nothing may be left to do.
#[test]
fn whoever_waits_is_woken_whatever_the_order() {
    paused(unconstrained(async {
        let mut random = Random::new();
        for _ in 0..200 {
            Pair::new(&mut random).run();
        }
    }));
}

struct Pair {
    ws: WsStream<Near>,
    far: Far,
    frames: ClientFrames,
    random: Random,
    reader: Task,
    writer: Task,
    received: usize,
    sent: usize,
    arrived: usize,
}

/// Messages each way in one conversation of a [`Pair`].
const EACH: usize = 40;

impl Pair {
    fn new(random: &mut Random) -> Self {
        let (near, far) = pipe(1 + random.below(200));
        let config = Config::default().write_high_water(random.below(300));
        Self {
            ws: upgraded(near, config),
            far,
            frames: ClientFrames::default(),
            random: random.fork(),
            reader: Task::new(),
            writer: Task::new(),
            received: 0,
            sent: 0,
            arrived: 0,
        }
    }

    fn run(&mut self) {
        for task in [&self.reader, &self.writer] {
            task.waker.wake_by_ref();
        }
        let mut given = 0;
        while self.received < EACH || self.arrived < EACH {
            let read = self.random.one_in(2) && self.reader.woken();
            let write = self.random.one_in(2) && self.writer.woken();
            if read {
                self.read();
            }
            if write {
                self.write();
            }
            let asleep = !self.reader.flag.0.load(Ordering::Relaxed)
                && !self.writer.flag.0.load(Ordering::Relaxed);
            if asleep || self.random.one_in(4) {
                let taken = self.take();
                if given < EACH {
                    given += 1;
                    self.far.put(&text(format!("{given}")).bytes());
                    self.far.put(&ping(format!("{given}")).bytes());
                }
                let still_asleep = !self.reader.flag.0.load(Ordering::Relaxed)
                    && !self.writer.flag.0.load(Ordering::Relaxed);
                let done = self.received == EACH && self.arrived == EACH;
                assert!(
                    done || !(asleep && still_asleep),
                    "nobody is awake: received {}, sent {}, arrived {}, {taken} bytes taken",
                    self.received,
                    self.sent,
                    self.arrived,
                );
            }
        }
    }

    fn read(&mut self) {
        while let Poll::Ready(item) = poll_next(&mut self.ws, &self.reader) {
            self.received += 1;
            let message = item.unwrap().unwrap();
            assert_eq!(message.as_text(), Some(&*self.received.to_string()));
        }
    }

    fn write(&mut self) {
        while self.sent < EACH {
            let ready = Pin::new(&mut self.ws).poll_ready(&mut self.writer.cx());
            if ready.is_pending() {
                return;
            }
            self.sent += 1;
            let message = format!("{} {}", self.sent, "x".repeat(self.random.below(300)));
            Pin::new(&mut self.ws).start_send(message.into()).unwrap();
        }
        let _ = poll_flush(&mut self.ws, &self.writer);
    }

    fn take(&mut self) -> usize {
        let bytes = self.far.take(usize::MAX);
        self.frames.push(&bytes);
        while let Some(frame) = self.frames.next() {
            self.arrived += usize::from(frame.opcode == wire::TEXT);
        }
        bytes.len()
    }
}
