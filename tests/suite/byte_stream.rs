//! A connection as a stream of bytes: what goes through a tunnel, and how it ends.

use std::io::ErrorKind;
use std::pin::pin;

use futures::future::poll_immediate;
use longwire::{Config, Error};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, copy_bidirectional};

use crate::support::random::Random;
use crate::support::run::paused;
use crate::support::scripted::{Peer, join, open, upgraded};
use crate::support::wire::{self, binary, close, concat, continuation, ping, text};

#[test]
fn bytes_go_both_ways_whatever_the_messages() {
    paused(async {
        let (ws, mut peer) = open();
        let mut tunnel = ws.into_byte_stream();
        peer.send(concat([
            &binary("one "),
            &binary(""),
            &binary("two").more(),
            &ping("p"),
            &continuation(" three\n"),
            &binary("rest"),
        ]))
        .await;
        let mut line = String::new();
        tunnel.read_line(&mut line).await.unwrap();
        assert_eq!(line, "one two three\n");
        peer.expect(wire::PONG, "p").await;
        let mut two = [0; 2];
        tunnel.read_exact(&mut two).await.unwrap();
        assert_eq!(&two, b"re");

        tunnel.write_all(b"up").await.unwrap();
        tunnel.write_all(&[]).await.unwrap();
        tunnel.flush().await.unwrap();
        peer.expect(wire::BINARY, "up").await;
        let (mut ws, unread) = tunnel.into_inner();
        assert_eq!(unread, b"st"[..]);
        ws.send("a message again").await.unwrap();
        peer.expect(wire::TEXT, "a message again").await;
    });
}

#[test]
fn a_tunnel_between_two_streams_moves_everything_and_closes() {
    paused(async {
        let mut random = Random::new();
        let (up, down) = (random.bytes(300_000), random.bytes(500_000));
        let (near, far) = tokio::io::duplex(1_000);
        let (mut inner, outer) = tokio::io::duplex(777);
        let tunnel = tokio::spawn(async move {
            let ws = upgraded(near, Config::default().write_high_water(5_000));
            copy_bidirectional(&mut ws.into_byte_stream(), &mut inner).await
        });
        let sent = up.clone();
        let expected = down.clone();
        let (mut reading, mut writing) = tokio::io::split(outer);
        let local = tokio::spawn(async move {
            writing.write_all(&sent).await.unwrap();
            writing.shutdown().await.unwrap();
        });
        let received = tokio::spawn(async move {
            let mut bytes = Vec::new();
            reading.read_to_end(&mut bytes).await.unwrap();
            assert!(bytes == expected);
        });
        let (reading, mut writing) = tokio::io::split(far);
        let total = up.len();
        let server = tokio::spawn(async move {
            let mut peer = Peer::new(tokio::io::join(reading, tokio::io::sink()));
            let mut bytes = Vec::new();
            loop {
                let frame = peer.next().await.unwrap();
                if frame.opcode == wire::CLOSE {
                    return bytes;
                }
                assert_eq!(frame.opcode, wire::BINARY);
                assert!(frame.payload.len() <= 64 << 10);
                bytes.extend(frame.payload);
            }
        });
        for part in down.chunks(40_000) {
            writing.write_all(&binary(part).bytes()).await.unwrap();
        }
        // What the server sends behind the client's Close still arrives.
        let bytes = join(server).await;
        assert!(bytes.len() == total && bytes == up);
        writing.write_all(&close(1000, "").bytes()).await.unwrap();
        writing.shutdown().await.unwrap();
        join(local).await;
        join(received).await;
        let moved = join(tunnel).await.unwrap();
        assert_eq!(moved, (500_000, 300_000));
    });
}

#[test]
fn a_shutdown_sends_a_close_and_reading_goes_on() {
    paused(async {
        let (ws, mut peer) = open();
        let mut tunnel = ws.into_byte_stream();
        tunnel.write_all(b"last").await.unwrap();
        tunnel.shutdown().await.unwrap();
        peer.expect(wire::BINARY, "last").await;
        let error = tunnel.write_all(b"late").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        peer.send(binary("answer").bytes()).await;
        peer.answer_close(1000).await;
        let mut bytes = Vec::new();
        tunnel.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, b"answer");
        tunnel.shutdown().await.unwrap();
        assert!(tunnel.get_ref().close_info().unwrap().clean);
    });
}

#[test]
fn an_end_that_is_not_clean_is_an_error_and_not_the_end_of_the_bytes() {
    paused(async {
        for (last, kind) in [
            (binary("x").bytes(), ErrorKind::ConnectionReset),
            (
                concat([&binary("x"), &text("x").rsv(1)]),
                ErrorKind::InvalidData,
            ),
        ] {
            let (ws, mut peer) = open();
            peer.send(last).await;
            peer.finish().await;
            let mut bytes = Vec::new();
            let mut tunnel = ws.into_byte_stream();
            let error = tunnel.read_to_end(&mut bytes).await.unwrap_err();
            assert_eq!((error.kind(), &bytes[..]), (kind, &b"x"[..]));
            assert!(error.get_ref().unwrap().is::<Error>());
            assert_eq!(tunnel.read(&mut [0; 1]).await.unwrap(), 0);
        }
    });
}

#[test]
fn text_has_no_place_in_a_tunnel() {
    paused(async {
        let (ws, mut peer) = open();
        peer.send(concat([&text("no"), &binary("yes")])).await;
        let mut tunnel = ws.into_byte_stream();
        let mut buffer = [0; 10];
        let error = tunnel.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_eq!(tunnel.read(&mut buffer).await.unwrap(), 3);
    });
}

#[test]
fn writing_waits_for_a_peer_that_does_not_read() {
    paused(async {
        let (near, far) = tokio::io::duplex(100);
        let ws = upgraded(near, Config::default().write_high_water(1_000));
        let mut tunnel = ws.into_byte_stream();
        assert_eq!(tunnel.write(&vec![7; 100_000]).await.unwrap(), 64 << 10);
        assert!(poll_immediate(pin!(tunnel.write(&[7]))).await.is_none());
        drop(far);
    });
}
