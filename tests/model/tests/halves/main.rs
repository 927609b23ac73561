//! The crate's own halves under shuttle, which decides at every lock and atomic who goes on, and fails
//! when everybody waits: then a wake-up was lost.
//!
//! Each test is a small talk with a server over a pipe that holds a few bytes. `LONGWIRE_SCHEDULES` says
//! how many ways through each are tried; a failure prints the one that led to it.

mod pipe;
mod server;

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use longwire::{CloseCode, Config, ErrorKind, Inbox, WsReceiver, WsSender, WsStream};
use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use tokio::runtime::{Builder, Runtime};

use crate::pipe::{End, pipe};
use crate::server::{CLOSE, PING, PONG, Server, TEXT};

type Sender = WsSender<End>;
type Receiver = WsReceiver<End>;

const SCHEDULES: usize = 4_000;

/// Tries ways through `talk`: at random, and such as differ in few places from going on as long as
/// one can.
fn check<F: Future<Output = ()> + 'static>(talk: fn() -> F) {
    let schedules = match std::env::var("LONGWIRE_SCHEDULES") {
        Ok(count) => count.parse().expect("LONGWIRE_SCHEDULES is a number"),
        Err(_) => SCHEDULES,
    };
    // Timers belong to a runtime; nobody drives it, so that none of them ever fires.
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let build = || Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = RUNTIME.get_or_init(build).enter();
    shuttle::check_random(move || block_on(talk()), schedules);
    shuttle::check_pct(move || block_on(talk()), schedules, 3);
}

fn open(capacity: usize) -> (WsStream<End>, Server) {
    let (near, far) = pipe(capacity);
    let config = Config::default().write_high_water(0);
    let ws = WsStream::from_upgraded(near, Bytes::new(), config);
    (ws, Server(far))
}

async fn all<T>(tasks: Vec<JoinHandle<T>>) {
    for task in tasks {
        task.await.unwrap();
    }
}

/// Polls once, and drops the future.
async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

async fn send(mut sender: Sender, texts: [&'static str; 2]) {
    for text in texts {
        sender.send(text).await.unwrap();
    }
}

async fn receive(receiver: &mut Receiver, texts: &[&str]) {
    for text in texts {
        let message = receiver.next().await.expect("no end").expect("no error");
        assert_eq!(message.as_text(), Some(*text));
    }
}

/// Two clones send, the receiver receives, and each Ping is answered.
async fn everybody_talks((sender, mut receiver): (Sender, Receiver), mut server: Server) {
    let senders = [["1", "2"], ["3", "4"]].map(|texts| spawn(send(sender.clone(), texts)));
    drop(sender);
    let receiving = spawn(async move {
        receive(&mut receiver, &["a", "b"]).await;
        receiver
    });
    let serving = spawn(async move {
        assert!(server.send(PING, "p").await);
        assert!(server.send(TEXT, "a").await);
        let mut due = vec!["1", "2", "3", "4"];
        let mut ponged = false;
        while !due.is_empty() || !ponged {
            let (opcode, payload) = server.next().await.expect("a frame");
            if opcode == PONG {
                ponged = true;
                continue;
            }
            let at = due.iter().position(|text| text.as_bytes() == payload);
            // The next one of either clone.
            let text = due.remove(at.expect("not twice"));
            let before = if text == "2" { "1" } else { "3" };
            assert!(!matches!(text, "2" | "4") || !due.contains(&before));
        }
        assert!(server.send(TEXT, "b").await);
        server
    });
    all(senders.into()).await;
    let mut receiver = receiving.await.unwrap();
    let mut server = serving.await.unwrap();
    let closing = spawn(async move {
        let info = receiver.close(CloseCode::NORMAL, "").await.unwrap();
        assert!(info.clean);
    });
    server.answer_close().await;
    closing.await.unwrap();
}

#[test]
fn everybody_talks_split() {
    check(|| {
        let (ws, server) = open(3);
        everybody_talks(ws.split(), server)
    });
}

#[test]
fn everybody_talks_driven() {
    check(|| {
        let (ws, server) = open(3);
        everybody_talks(ws.spawn(Inbox::default().max_messages(1)), server)
    });
}

/// Senders that wait for room, of which one gives up, and a receiver that is dropped meanwhile.
async fn one_gives_up((sender, receiver): (Sender, Receiver), mut server: Server) {
    let (one, mut other) = (sender.clone(), sender);
    let giving_up = spawn(async move {
        let mut one = one;
        let first = poll_once(one.send("x")).await.is_some();
        let second = poll_once(one.reserve()).await.is_some();
        yield_now().await;
        let third = poll_once(one.flush()).await.is_some();
        (first, second, third)
    });
    let dropping = spawn(async move {
        yield_now().await;
        drop(receiver);
    });
    let sending = spawn(async move {
        other.send("1").await.unwrap();
        other.feed("2").await.unwrap();
        if let Err(error) = other.flush().await {
            // The message of the one who gave up stood behind it, and the server had enough.
            assert!(matches!(error.kind(), ErrorKind::Closed | ErrorKind::Reset));
        }
        // Nobody receives: it answers, and notices the end.
        other.closed().await
    });
    let mut texts = Vec::new();
    while texts != ["1", "2"] {
        let (opcode, payload) = server.next().await.expect("a frame");
        assert_eq!(opcode, TEXT);
        if payload != b"x" {
            texts.push(String::from_utf8(payload).unwrap());
        }
    }
    assert!(server.send(PING, "p").await);
    while server.next().await.expect("a Pong") != (PONG, b"p".to_vec()) {}
    assert!(server.send(CLOSE, "").await);
    drop(server);
    giving_up.await.unwrap();
    dropping.await.unwrap();
    assert_eq!(sending.await.unwrap().code, None);
}

#[test]
fn one_gives_up_split() {
    check(|| {
        let (ws, server) = open(3);
        one_gives_up(ws.split(), server)
    });
}

#[test]
fn one_gives_up_driven() {
    check(|| {
        let (ws, server) = open(3);
        one_gives_up(ws.spawn(Inbox::default()), server)
    });
}

/// A clone closes while another waits in a send, and the receiver and a third wait for the end.
async fn a_clone_closes((sender, mut receiver): (Sender, Receiver), mut server: Server) {
    let [mut closing, mut sending, mut waiting] = [sender.clone(), sender.clone(), sender];
    let tasks = vec![
        spawn(async move {
            let info = closing.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(info.clean);
        }),
        spawn(async move {
            if let Err(error) = sending.send("long enough to have to wait").await {
                assert_eq!(error.kind(), ErrorKind::Closed);
            }
        }),
        spawn(async move {
            assert!(waiting.closed().await.clean);
        }),
        spawn(async move {
            assert!(receiver.next().await.is_none());
        }),
    ];
    server.answer_close().await;
    all(tasks).await;
}

#[test]
fn a_clone_closes_split() {
    check(|| {
        let (ws, server) = open(5);
        a_clone_closes(ws.split(), server)
    });
}

#[test]
fn a_clone_closes_driven() {
    check(|| {
        let (ws, server) = open(5);
        a_clone_closes(ws.spawn(Inbox::default()), server)
    });
}

/// A Ping of a sender, which is answered while everybody else comes and goes.
async fn a_ping_is_answered((sender, mut receiver): (Sender, Receiver), mut server: Server) {
    let [mut pinging, mut sending] = [sender.clone(), sender];
    let tasks = vec![
        spawn(async move {
            pinging.ping().await.unwrap();
        }),
        spawn(async move {
            sending.send("1").await.unwrap();
            drop(sending);
        }),
    ];
    let receiving = spawn(async move {
        receive(&mut receiver, &["a"]).await;
        receiver
    });
    let mut expected = 2;
    while expected > 0 {
        let (opcode, payload) = server.next().await.expect("a frame");
        expected -= 1;
        if opcode == PING {
            assert!(server.send(PONG, payload).await);
            assert!(server.send(TEXT, "a").await);
        }
    }
    all(tasks).await;
    drop(receiving.await.unwrap());
    server.drain().await;
}

#[test]
fn a_ping_is_answered_split() {
    check(|| {
        let (ws, server) = open(4);
        a_ping_is_answered(ws.split(), server)
    });
}

#[test]
fn a_ping_is_answered_driven() {
    check(|| {
        let (ws, server) = open(4);
        a_ping_is_answered(ws.spawn(Inbox::default()), server)
    });
}

/// A sender finds that nothing more can be written, and the others hear of it while nothing comes.
async fn a_write_fails((sender, mut receiver): (Sender, Receiver), server: Server) {
    let [mut sending, mut waiting] = [sender.clone(), sender];
    let tasks = vec![
        spawn(async move { while sending.send("more").await.is_ok() {} }),
        spawn(async move {
            assert!(!waiting.closed().await.clean);
        }),
        spawn(async move {
            let error = receiver.next().await.expect("an error").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Reset);
        }),
    ];
    yield_now().await;
    server.0.refuse();
    all(tasks).await;
}

#[test]
fn a_write_fails_split() {
    check(|| {
        let (ws, server) = open(3);
        a_write_fails(ws.split(), server)
    });
}

#[test]
fn a_write_fails_driven() {
    check(|| {
        let (ws, server) = open(3);
        a_write_fails(ws.spawn(Inbox::default()), server)
    });
}

/// Nobody flushes: what is queued leaves with the task.
#[test]
fn the_task_sends_what_was_only_queued() {
    check(|| async {
        let (ws, mut server) = open(3);
        let (mut sender, receiver) = ws.spawn(Inbox::default());
        let feeding = spawn(async move {
            sender.feed("1").await.unwrap();
            sender
        });
        server.expect(TEXT, "1").await;
        drop((feeding.await.unwrap(), receiver));
    });
}

/// However the halves go, the task lets go of the transport: the server sees the end.
#[test]
fn the_last_half_takes_the_task_along() {
    check(|| async {
        let (ws, mut server) = open(3);
        let (mut sender, mut receiver) = ws.spawn(Inbox::default().max_messages(1));
        let tasks = vec![
            spawn(async move {
                poll_once(sender.send("1")).await;
                drop(sender.clone());
                yield_now().await;
            }),
            spawn(async move {
                poll_once(receiver.next()).await;
                yield_now().await;
            }),
        ];
        let talking = spawn(async move {
            // More than the inbox takes.
            for text in ["a", "b", "c"] {
                if !server.send(TEXT, text).await {
                    break;
                }
            }
            server.drain().await;
        });
        all(tasks).await;
        talking.await.unwrap();
    });
}

/// What a receiver gets from the task, up to the end, whenever it comes for it.
#[test]
fn an_inbox_that_blocks_is_emptied_to_the_end() {
    check(|| async {
        let (ws, mut server) = open(3);
        let (sender, mut receiver) = ws.spawn(Inbox::default().max_messages(1));
        let receiving = spawn(async move {
            receive(&mut receiver, &["a"]).await;
            yield_now().await;
            receive(&mut receiver, &["b", "c"]).await;
            assert!(receiver.next().await.is_none());
        });
        for text in ["a", "b", "c"] {
            assert!(server.send(TEXT, text).await);
        }
        assert!(server.send(CLOSE, "").await);
        server.expect(CLOSE, "").await;
        drop(server);
        receiving.await.unwrap();
        assert!(sender.is_closed());
    });
}

/// Without a wake-up the checker says so: a check that cannot fail would show nothing.
#[test]
fn a_lost_wake_up_is_found() {
    let found = catch_unwind(AssertUnwindSafe(|| {
        check(|| async {
            let (ws, mut server) = open(3);
            let (_sender, mut receiver) = ws.split();
            let waiting = spawn(async move {
                // Polled by a task that is not told to come again.
                let mut next = pin!(receiver.next());
                poll_fn(|_| {
                    let cx = &mut Context::from_waker(Waker::noop());
                    Pin::new(&mut next).poll(cx).map(drop)
                })
                .await;
            });
            assert!(server.send(TEXT, "a").await);
            waiting.await.unwrap();
        });
    }));
    let said = found.expect_err("a task that is never woken");
    let said = said.downcast_ref::<String>().expect("words");
    assert!(said.contains("deadlock"), "{said}");
}
