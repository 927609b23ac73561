//! The two halves of futures' own `split` on two tasks: neither ever stands still.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use longwire::{Config, ErrorKind, WsStream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::support::io::{Chaos, Cuts, Exhausted};
use crate::support::random::Random;
use crate::support::run::{paused, threaded};
use crate::support::scripted::{Peer, Server, join, upgraded};
use crate::support::wire::{self, close, ping, text};

const MESSAGES: usize = 1_000;

/// A peer that sends messages and Pings, reads slowly, and answers the close.
async fn talk<T>(mut peer: Peer<T>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut arrived = 0;
    for number in 0..MESSAGES {
        peer.send(text(format!("{number}")).bytes()).await;
        if number % 3 == 0 {
            peer.send(ping(format!("{number}")).bytes()).await;
        }
        while arrived <= number {
            let frame = peer.next().await.unwrap();
            if frame.opcode == wire::BINARY {
                assert_eq!(frame.payload.len(), arrived % 700);
                arrived += 1;
            }
        }
    }
    loop {
        let frame = peer.next().await.unwrap();
        if frame.opcode == wire::CLOSE {
            break;
        }
        assert_eq!(frame.opcode, wire::PONG);
    }
    peer.send(close(1000, "").bytes()).await;
    peer.finish().await;
    while let Some(frame) = peer.next().await {
        assert_eq!(frame.opcode, wire::PONG);
    }
}

/// The two halves on two tasks: everything goes both ways, and the close, which would discard what
/// still arrives, ends both.
async fn halves_talk<T>(ws: WsStream<T>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sink, mut stream) = StreamExt::split(ws);
    let (tell, all_received) = oneshot::channel();
    let sender = tokio::spawn(async move {
        for number in 0..MESSAGES {
            sink.send(vec![7; number % 700].into()).await.unwrap();
        }
        all_received.await.unwrap();
        sink.close().await.unwrap();
    });
    let receiver = tokio::spawn(async move {
        for number in 0..MESSAGES {
            let message = stream.next().await.unwrap().unwrap();
            assert_eq!(message.as_text(), Some(&*number.to_string()));
        }
        tell.send(()).unwrap();
        assert!(stream.next().await.is_none());
    });
    join(sender).await;
    join(receiver).await;
}

#[test]
fn two_halves_on_two_tasks_never_stand_still() {
    paused(async {
        let mut random = Random::new();
        for capacity in [10, 64, 1_000] {
            let (near, far) = tokio::io::duplex(capacity);
            let io = Chaos::over(near)
                .read_cuts(Cuts::Random(random.fork(), 50))
                .not_ready_one_in(5, random.fork());
            let ws = upgraded(io, Config::default().write_high_water(100));
            let peer = tokio::spawn(talk(Peer::new(far)));
            halves_talk(ws).await;
            join(peer).await;
        }
    });
}

#[test]
fn two_halves_on_two_threads_never_stand_still() {
    threaded(async {
        for _ in 0..5 {
            let server = Server::start(|mut peer| async move {
                peer.switch().await;
                talk(peer).await;
            })
            .await;
            let ws = longwire::connect(server.url())
                .write_high_water(100)
                .await
                .unwrap();
            halves_talk(ws).await;
            server.done().await;
        }
    });
}

/// The half that only sends learns of the end too, although the transport takes nothing more and so
/// never wakes it.
#[test]
fn a_sender_that_waits_for_room_hears_of_the_end() {
    paused(async {
        let server_closes = close(1000, "").bytes();
        let server_errs = text("x").rsv(1).bytes();
        for (last, by_reader) in [
            (vec![], "Reset"),
            (server_closes, "end"),
            (server_errs, "Protocol"),
        ] {
            let (near, far) = tokio::io::duplex(1_000);
            let io = Chaos::over(near).after_writing(100, Exhausted::Blocks);
            let ws = upgraded(io, Config::default().write_high_water(0));
            let (mut sink, mut stream) = StreamExt::split(ws);
            let sender = tokio::spawn(async move {
                loop {
                    if let Err(error) = sink.send(vec![7; 1_000].into()).await {
                        return error;
                    }
                }
            });
            let receiver = tokio::spawn(async move { stream.next().await });
            // The clock moves when both of them wait.
            sleep(Duration::from_secs(1)).await;
            let mut peer = Peer::new(far);
            peer.send(last).await;
            peer.finish().await;
            assert_eq!(join(sender).await.kind(), ErrorKind::Closed);
            match join(receiver).await {
                None => assert_eq!(by_reader, "end"),
                Some(item) => assert_eq!(format!("{:?}", item.unwrap_err().kind()), by_reader),
            }
        }
    });
}
