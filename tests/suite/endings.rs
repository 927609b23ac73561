//! Ends without a Close frame: an error of its own kind, wherever they fall.

use std::future::Future;
use std::io;
use std::time::Duration;

use futures::FutureExt;
use longwire::{CloseCode, Config, Error, ErrorKind, Phase, Side, WsStream};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::support::io::{Chaos, Exhausted};
use crate::support::run::{paused, real};
use crate::support::scripted::{Peer, Server, dead_end, open, upgraded};
use crate::support::verdict::{assert_error, ends, fails, next_text};
use crate::support::wire::{self, binary, close, continuation, ping, text};

#[test]
fn an_end_without_a_close_is_one_error_and_then_none() {
    paused(async {
        let (mut ws, mut peer) = open();
        peer.send(text("last").bytes()).await;
        peer.finish().await;
        assert_eq!(next_text(&mut ws).await, "last");
        let error = fails(&mut ws, ErrorKind::Reset, Phase::Open).await;
        assert!(error.is_retryable());
        let info = ws.close_info().unwrap();
        assert_eq!((info.by, info.clean), (Side::Server, false));
        assert_eq!(info.code, Some(CloseCode::ABNORMAL));
    });
}

/// At every offset of a stream of frames: what was whole before it is delivered, then the error.
#[test]
fn an_end_at_every_offset_is_a_reset_behind_what_was_whole() {
    paused(async {
        let frames = [
            text("first"),
            ping("p"),
            text("é€").more(),
            ping(""),
            continuation("𝄞"),
            binary([7; 130]),
        ];
        let bytes = wire::concat(&frames);
        let ends_of = |count: usize| wire::concat(&frames[..count]).len();
        let whole_at = [ends_of(1), ends_of(5), ends_of(6)];
        for cut in 0..=bytes.len() {
            let (mut ws, mut peer) = open();
            peer.send(&bytes[..cut]).await;
            peer.finish().await;
            let begun = Instant::now();
            for _ in whole_at.iter().filter(|end| **end <= cut) {
                ws.next().await.unwrap().unwrap();
            }
            fails(&mut ws, ErrorKind::Reset, Phase::Open).await;
            assert!(begun.elapsed() < Duration::from_millis(100));
            assert_eq!(ws.close_info().unwrap().code, Some(CloseCode::ABNORMAL));
        }
    });
}

#[test]
fn a_transport_that_fails_ends_the_stream_with_its_error() {
    paused(async {
        for (failure, kind) in [
            (io::ErrorKind::ConnectionReset, ErrorKind::Reset),
            (io::ErrorKind::BrokenPipe, ErrorKind::Reset),
            (io::ErrorKind::UnexpectedEof, ErrorKind::Reset),
            (io::ErrorKind::PermissionDenied, ErrorKind::Io),
        ] {
            let (near, far) = tokio::io::duplex(1 << 16);
            let whole = text("whole").bytes();
            let io = Chaos::over(near).after_reading(whole.len() + 3, Exhausted::Fails(failure));
            let mut ws = upgraded(io, Config::default());
            let mut peer = Peer::new(far);
            peer.send(wire::concat([&text("whole"), &text("half")]))
                .await;
            assert_eq!(next_text(&mut ws).await, "whole");
            fails(&mut ws, kind, Phase::Open).await;
        }
    });
}

#[test]
fn a_transport_that_cannot_be_written_ends_the_stream_with_one_error() {
    paused(async {
        for bytes in [0, 1, 5, 100] {
            let (near, far) = tokio::io::duplex(1 << 16);
            let io =
                Chaos::over(near).after_writing(bytes, Exhausted::Fails(io::ErrorKind::BrokenPipe));
            let mut ws = upgraded(io, Config::default());
            let mut failed = false;
            for _ in 0..20 {
                match ws.send("a message of some length").await {
                    Ok(()) => assert!(!failed, "a send behind the failure"),
                    Err(error) if failed => assert_eq!(error.kind(), ErrorKind::Closed),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Reset);
                        failed = true;
                    }
                }
            }
            assert!(failed, "after {bytes} bytes");
            // The sender knows; the reader may be told once more, and then it is over.
            let items: Vec<_> = std::iter::from_fn(|| ws.next().now_or_never().unwrap()).collect();
            assert!(
                items.len() <= 1 && items.iter().all(Result::is_err),
                "{items:?}"
            );
            ends(&mut ws).await;
            drop(far);
        }
    });
}

#[test]
fn who_broke_the_rules_and_stays_does_not_hold_the_error_up() {
    paused(async {
        let unknown_opcode = [0x83, 0];
        let (mut ws, mut idle) = open();
        idle.send(unknown_opcode).await;
        let begun = Instant::now();
        fails(&mut ws, ErrorKind::Protocol, Phase::Open).await;
        assert!(begun.elapsed() < Duration::from_millis(100));
        idle.expect_close(1002).await;

        let (mut ws, mut busy) = open();
        busy.send(unknown_opcode).await;
        let flood = async {
            loop {
                busy.send(binary([7; 1000]).bytes()).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let begun = Instant::now();
        tokio::select! {
            _ = fails(&mut ws, ErrorKind::Protocol, Phase::Open) => {}
            () = flood => {}
        }
        assert!(begun.elapsed() < Duration::from_millis(100));
    });
}

/// A transport that takes no bytes at all must not be written to for ever.
#[test]
fn a_transport_that_writes_nothing_is_a_failure() {
    paused(async {
        let (near, _far) = tokio::io::duplex(1 << 16);
        let io = Chaos::over(near).after_writing(4, Exhausted::Ends);
        let mut ws = upgraded(io, Config::default());
        let error = ws.send("a message").await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Io | ErrorKind::Reset),
            "{error:?}"
        );
    });
}

/// Connects to a server that plays `script`, which waits for nothing else, and resets.
async fn reset_in<F, S>(script: F) -> Result<WsStream, Error>
where
    F: FnOnce(Peer<TcpStream>) -> S + Send + 'static,
    S: Future<Output = Peer<TcpStream>> + Send,
{
    let server = Server::start(|peer| async move { script(peer).await.reset() }).await;
    let begun = Instant::now();
    let result = longwire::connect(server.url()).await;
    assert!(begun.elapsed() < Duration::from_millis(500));
    server.done().await;
    result
}

#[test]
fn a_refused_connection_fails_in_connecting() {
    real(async {
        let (_socket, address) = dead_end();
        let begun = Instant::now();
        let error = longwire::connect(format!("ws://{address}/"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
        assert_eq!(error.phase(), Phase::Connect);
        assert!(error.is_retryable());
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(1));
    });
}

#[test]
fn a_reset_in_each_phase_of_the_opening_handshake_fails_it() {
    real(async {
        let at_once = reset_in(|peer| async { peer }).await;
        let behind_request = reset_in(|mut peer| async {
            peer.request().await;
            peer
        })
        .await;
        let inside_head = reset_in(|mut peer| async {
            peer.request().await;
            peer.send("HTTP/1.1 101 Switching").await;
            peer
        })
        .await;
        for result in [at_once, behind_request, inside_head] {
            let error = result.unwrap_err();
            assert!(
                matches!(
                    error.kind(),
                    ErrorKind::Io | ErrorKind::Connect | ErrorKind::Handshake
                ),
                "{error:?}"
            );
            assert!(error.phase() <= Phase::Upgrade, "{error:?}");
        }
    });
}

#[test]
fn a_reset_of_an_open_connection_is_one_error_and_in_time() {
    real(async {
        for sent in [vec![], text("half").bytes()[..3].to_vec()] {
            let (reset, wait) = oneshot::channel();
            let server = Server::start(|mut peer| async move {
                peer.switch().await;
                peer.send(text("whole").bytes()).await;
                peer.send(sent).await;
                wait.await.unwrap();
                peer.reset();
            })
            .await;
            let mut ws = longwire::connect(server.url()).await.unwrap();
            assert_eq!(next_text(&mut ws).await, "whole");
            reset.send(()).unwrap();
            let begun = Instant::now();
            fails(&mut ws, ErrorKind::Reset, Phase::Open).await;
            assert!(begun.elapsed() < Duration::from_millis(500));
            server.done().await;
        }
    });
}

/// The reset answers data that the server never read; the Close it sent before still counts.
#[test]
fn a_reset_behind_a_whole_closing_handshake_is_clean() {
    real(async {
        let server = Server::start(|mut peer| async move {
            peer.switch().await;
            peer.send(close(1000, "bye").bytes()).await;
            peer.expect_close(1000).await;
            peer.reset();
        })
        .await;
        let mut ws = longwire::connect(server.url()).await.unwrap();
        ends(&mut ws).await;
        let info = ws.close_info().unwrap();
        assert!(info.clean);
        assert_eq!(info.code, Some(CloseCode::NORMAL));
        server.done().await;
    });
}

#[test]
fn dropping_the_stream_ends_the_connection() {
    real(async {
        let server = Server::start(|mut peer| async move {
            peer.switch().await;
            assert_eq!(peer.next().await, None);
        })
        .await;
        let ws = longwire::connect(server.url()).await.unwrap();
        drop(ws);
        server.done().await;
    });
}

/// To close a socket that holds unread bytes resets the connection: a server that is still writing
/// would meet the reset before it looks for our Close.
#[test]
fn a_server_that_talks_on_behind_its_fault_is_still_told() {
    real(async {
        let server = Server::start(|mut peer| async move {
            peer.switch().await;
            // More than the buffers of two sockets hold.
            let late = binary(vec![7; 16 << 20]);
            let bytes = wire::concat([&text("x").rsv(1), &late]);
            peer.send(bytes).await;
            peer.expect_close(1002).await;
            peer.expect_end().await;
        })
        .await;
        let mut ws = longwire::connect(server.url()).await.unwrap();
        let error = ws.next().await.unwrap().unwrap_err();
        assert_error(&error, ErrorKind::Protocol, Phase::Open);
        drop(ws);
        server.done().await;
    });
}
