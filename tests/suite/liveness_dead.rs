//! A peer that is gone is noticed, in time and by whoever waits; one that is there is left alone.

use std::time::Duration;

use longwire::{CloseCode, Config, Error, ErrorKind, Liveness, Phase, Side, WsStream};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::time::{Instant, sleep, timeout};

use crate::support::io::{Endless, Exhausted};
use crate::support::run::{paused, real};
use crate::support::scripted::{Peer, Server, open, open_with, upgraded};
use crate::support::verdict::{close_info, fails, next_binary, next_text};
use crate::support::wire::{self, binary, continuation, pong, text};

const INTERVAL: Duration = Duration::from_secs(20);
const TIMEOUT: Duration = Duration::from_secs(20);
/// What comparing counters only from time to time may cost.
const TICK: Duration = Duration::from_secs(1);

/// The peer must be found dead, not before it may be and not later than promised after `silent`.
async fn dies<T>(ws: &mut WsStream<T>, silent: Instant) -> Error
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let error = fails(ws, ErrorKind::NoPong, Phase::Open).await;
    let took = silent.elapsed();
    assert!(took >= INTERVAL + TIMEOUT, "{took:?}");
    assert!(took <= INTERVAL + TIMEOUT + TICK, "{took:?}");
    assert!(error.is_timeout() && error.is_retryable());
    let info = close_info(Side::Server, 1006, "", false);
    assert_eq!(ws.close_info(), Some(&info));
    assert_eq!(error.close_info(), Some(&info));
    error
}

#[test]
fn a_silent_peer_is_pinged_and_then_dead() {
    paused(async {
        let (mut ws, mut peer) = open();
        let silent = Instant::now();
        let watched = tokio::spawn(async move {
            let ping = peer.next().await.unwrap();
            assert_eq!((ping.opcode, ping.fin), (wire::PING, true));
            assert!(silent.elapsed() >= INTERVAL);
            assert!(silent.elapsed() <= INTERVAL + TICK);
            // No second Ping, no Close frame: nobody is there to see it.
            peer.expect_end().await;
        });
        let error = dies(&mut ws, silent).await;
        assert!(error.to_string().contains("after a Ping"), "{error}");
        watched.await.unwrap();
    });
}

#[test]
fn a_peer_that_dies_is_noticed_wherever_it_dies() {
    paused(async {
        let half = binary([7; 1_000]).bytes()[..500].to_vec();
        let large = binary(vec![7; 100_000]).bytes()[..60_000].to_vec();
        let before: [&[u8]; 6] = [
            &text("hello").bytes(),
            &text("hello").bytes()[..1],
            &half,
            &large,
            &text("hello").more().bytes(),
            &wire::concat([&text("hello").more(), &pong("")]),
        ];
        for bytes in before {
            for pause in [0, 300, 7_777] {
                let (mut ws, mut peer) = open();
                let dying = async {
                    sleep(Duration::from_millis(pause)).await;
                    peer.send(bytes).await;
                    Instant::now()
                };
                let reading = async {
                    loop {
                        match ws.next().await {
                            Some(Ok(_)) => {}
                            Some(Err(error)) => return (error, Instant::now()),
                            None => panic!("an end without an error"),
                        }
                    }
                };
                let (silent, (error, noticed)) = tokio::join!(dying, reading);
                assert_eq!(error.kind(), ErrorKind::NoPong, "{error}");
                let took = noticed - silent;
                assert!(took >= INTERVAL + TIMEOUT, "{took:?}");
                assert!(took <= INTERVAL + TIMEOUT + TICK, "{took:?}");
            }
        }
    });
}

/// It takes nothing that is sent, and says nothing.
#[test]
fn a_writer_that_waits_notices_a_dead_peer() {
    paused(async {
        let never = || {
            let io = Endless::new(Vec::new(), vec![0]).turns(0, Exhausted::Blocks);
            upgraded(io.never_writable(), Config::default())
        };
        let begun = Instant::now();
        let mut ws = never();
        let error = ws.send("x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoPong, "{error}");
        assert!(begun.elapsed() <= INTERVAL + TIMEOUT + TICK);
        // The reader has its own word on it, once.
        fails(&mut ws, ErrorKind::NoPong, Phase::Open).await;

        let begun = Instant::now();
        let mut ws = never();
        let error = loop {
            if let Err(error) = ws.feed_binary(&[7; 10_000]).await {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::NoPong, "{error}");
        assert!(begun.elapsed() <= INTERVAL + TIMEOUT + TICK);
        fails(&mut ws, ErrorKind::NoPong, Phase::Open).await;
    });
}

/// The reader waits as well, on another task: each of them is told.
#[test]
fn both_halves_learn_that_the_peer_is_dead() {
    use futures::{SinkExt, StreamExt};

    paused(async {
        let io = Endless::new(Vec::new(), vec![0]).turns(0, Exhausted::Blocks);
        let ws = upgraded(io.never_writable(), Config::default());
        let (mut sink, mut stream) = StreamExt::split(ws);
        let begun = Instant::now();
        let writer = tokio::spawn(async move { sink.send("x".into()).await });
        let reader = tokio::spawn(async move {
            let error = stream.next().await.unwrap().unwrap_err();
            assert!(stream.next().await.is_none());
            error
        });
        let refused = writer.await.unwrap().unwrap_err().kind();
        assert!(matches!(refused, ErrorKind::NoPong | ErrorKind::Closed));
        assert_eq!(reader.await.unwrap().kind(), ErrorKind::NoPong);
        assert!(begun.elapsed() <= INTERVAL + TIMEOUT + TICK);
    });
}

#[test]
fn a_peer_that_only_answers_pings_is_alive() {
    paused(async {
        let (mut ws, mut peer) = open();
        let peer = tokio::spawn(async move {
            for _ in 0..100 {
                let ping = peer.next().await.unwrap();
                assert_eq!(ping.opcode, wire::PING);
                sleep(Duration::from_millis(80)).await;
                peer.send(pong(ping.payload).bytes()).await;
            }
            peer.send(text("still here").bytes()).await;
            peer
        });
        assert_eq!(next_text(&mut ws).await, "still here");
        drop(peer.await.unwrap());
        let stats = ws.stats();
        assert_eq!((stats.sent.pings, stats.received.pongs), (100, 100));
        assert_eq!(stats.rtt.measured, 100);
        assert_eq!(ws.rtt(), Some(Duration::from_millis(80)));
    });
}

/// Who talks is there, whether or not it answers Pings; and is not asked.
#[test]
fn a_peer_that_sends_and_never_answers_is_alive_and_not_pinged() {
    paused(async {
        for pause in [700, 3_000, 15_000] {
            let (mut ws, mut peer) = open();
            let feeder = tokio::spawn(async move {
                for _ in 0..40 {
                    sleep(Duration::from_millis(pause)).await;
                    peer.send(text("tick").bytes()).await;
                }
                peer
            });
            for _ in 0..40 {
                assert_eq!(next_text(&mut ws).await, "tick");
            }
            assert_eq!(ws.stats().sent.pings, 0, "every {pause} ms");
            drop(feeder.await.unwrap());
        }
        // Too seldom to go without Pings, and often enough to need no answer.
        let (mut ws, mut peer) = open();
        let feeder = tokio::spawn(async move {
            for _ in 0..10 {
                sleep(Duration::from_secs(35)).await;
                peer.send(text("tick").bytes()).await;
            }
            peer
        });
        for _ in 0..10 {
            assert_eq!(next_text(&mut ws).await, "tick");
        }
        assert_eq!(ws.stats().sent.pings, 10);
        drop(feeder.await.unwrap());
    });
}

/// The Pong cannot come before the frame's end: every byte of it counts.
#[test]
fn a_huge_slow_frame_is_life_without_any_pong() {
    paused(async {
        let (mut ws, mut peer) = open();
        let bytes = wire::concat([
            &binary(vec![7; 300_000]).more(),
            &continuation(vec![8; 300_000]),
        ]);
        let feeder = tokio::spawn(async move {
            for piece in bytes.chunks(2_000) {
                sleep(Duration::from_secs(19)).await;
                peer.send(piece).await;
            }
            peer
        });
        assert_eq!(next_binary(&mut ws).await.len(), 600_000);
        drop(feeder.await.unwrap());
    });
}

/// A Ping that waits behind what is being written is not answered, and the peer not to blame.
#[test]
fn a_peer_that_takes_a_large_message_slowly_is_alive() {
    paused(async {
        let (near, far) = tokio::io::duplex(1_000);
        let mut ws = upgraded(near, Config::default());
        let mut far = far;
        let taker = tokio::spawn(async move {
            let mut taken = 0;
            while taken < 30_000 {
                sleep(Duration::from_secs(5)).await;
                let mut buffer = [0; 1_000];
                taken += tokio::io::AsyncReadExt::read(&mut far, &mut buffer)
                    .await
                    .unwrap();
            }
            far
        });
        let begun = Instant::now();
        ws.send_binary(&vec![7; 30_000]).await.unwrap();
        assert!(begun.elapsed() > Duration::from_secs(140));
        drop(taker.await.unwrap());
    });
}

/// What lies unread in the transport shows life to one who only writes, and comes to the reader whole.
#[test]
fn a_writer_that_waits_sees_that_the_peer_talks() {
    paused(async {
        let (near, far) = tokio::io::duplex(256);
        let mut ws = upgraded(near, Config::default());
        let (mut read, mut write) = tokio::io::split(far);
        let feeder = tokio::spawn(async move {
            for number in 0..10 {
                sleep(Duration::from_secs(15)).await;
                let frame = text(number.to_string()).bytes();
                tokio::io::AsyncWriteExt::write_all(&mut write, &frame)
                    .await
                    .unwrap();
            }
            // Now it takes what the client has been trying to send.
            let mut sink = tokio::io::sink();
            let _ = tokio::io::copy(&mut read, &mut sink).await;
        });
        ws.send_binary(&[7; 10_000]).await.unwrap();
        for number in 0..10 {
            assert_eq!(next_text(&mut ws).await, number.to_string());
        }
        feeder.abort();
    });
}

/// Messages that nobody takes fill a buffer and no more, and their sender is not called dead.
#[test]
fn a_writer_that_waits_reads_no_more_than_a_buffer() {
    paused(async {
        let io = Endless::new(Vec::new(), text("x".repeat(100)).bytes());
        let mut ws = upgraded(io.never_writable(), Config::default());
        let meter = crate::support::alloc::Meter::start();
        let waited = timeout(Duration::from_secs(3_600), ws.send("x")).await;
        assert!(waited.is_err(), "{waited:?}");
        assert!(meter.live() < 200 << 10, "{} bytes", meter.live());
        assert_eq!(next_text(&mut ws).await.len(), 100);
    });
}

#[test]
fn without_liveness_silence_is_waited_out() {
    paused(async {
        let (mut ws, mut peer) = open_with(Config::default().no_liveness());
        let waited = timeout(Duration::from_secs(10 * 3_600), ws.next()).await;
        assert!(waited.is_err());
        assert_eq!(ws.stats().sent.pings, 0);
        assert_eq!(ws.stats().last_activity, None);
        peer.send(text("late").bytes()).await;
        assert_eq!(next_text(&mut ws).await, "late");
    });
}

/// A closing handshake has its own deadline, and no frame may follow the Close.
#[test]
fn no_ping_follows_our_close() {
    paused(async {
        let config = Config::default().close_timeout(Duration::from_secs(100));
        let (mut ws, mut peer): (WsStream<DuplexStream>, Peer<DuplexStream>) = open_with(config);
        let begun = Instant::now();
        ws.start_close(CloseCode::NORMAL, "").await.unwrap();
        fails(&mut ws, ErrorKind::Timeout, Phase::Closing).await;
        assert!(begun.elapsed() >= Duration::from_secs(100));
        peer.expect_close(1000).await;
        peer.expect_end().await;
    });
}

#[test]
fn a_dead_peer_is_noticed_in_time_on_a_socket() {
    real(async {
        let server = Server::start(|mut peer| async move {
            peer.switch().await;
            peer.send(&text("hello").bytes()[..3]).await;
            peer.drain().await;
        })
        .await;
        let fast = Liveness::default()
            .interval(Duration::from_millis(200))
            .timeout(Duration::from_millis(200));
        let connect = longwire::connect(server.url()).liveness(fast);
        let mut ws = connect.await.unwrap();
        let begun = Instant::now();
        fails(&mut ws, ErrorKind::NoPong, Phase::Open).await;
        assert!(begun.elapsed() >= Duration::from_millis(390));
        assert!(begun.elapsed() < Duration::from_millis(1_500));
        drop(ws);
        server.done().await;
    });
}
