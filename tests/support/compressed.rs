//! Connections on which compression was agreed.

use longwire::{Connect, Deflate, WsStream};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};

use super::inflate::StrictInflater;
use super::request::{Request, Response};
use super::scripted::Peer;
use super::wire::{self, Frame};

pub(crate) const EXTENSIONS: &str = "Sec-WebSocket-Extensions";

/// The field of an offer or an answer with these parameters, `; a; b=1`.
pub(crate) fn deflate(parameters: &str) -> String {
    format!("permessage-deflate{parameters}")
}

/// The client's settings.
pub(crate) fn asking(settings: Deflate) -> Connect {
    longwire::connect("ws://server.example/").deflate(settings)
}

/// The answer that agrees to these parameters.
pub(crate) fn agreeing(request: &Request, parameters: &str) -> Vec<u8> {
    Response::to(request)
        .add(EXTENSIONS, deflate(parameters))
        .bytes()
}

/// A connection in memory with the default settings, on which these parameters were agreed.
pub(crate) async fn agreed(parameters: &str) -> (WsStream<DuplexStream>, Peer<DuplexStream>) {
    agreed_with(asking(Deflate::default()), parameters).await
}

pub(crate) async fn agreed_with(
    connect: Connect,
    parameters: &str,
) -> (WsStream<DuplexStream>, Peer<DuplexStream>) {
    let (near, far) = tokio::io::duplex(1 << 20);
    let mut peer = Peer::new(far);
    let server = async {
        let request = peer.request().await;
        peer.send(agreeing(&request, parameters)).await;
    };
    let (ws, ()) = tokio::join!(connect.over(near).into_future(), server);
    peer.may_compress();
    (ws.expect("the answer fits"), peer)
}

/// As a message's first or only frame is marked.
pub(crate) fn marked(frame: Frame) -> Frame {
    frame.rsv(0b100)
}

/// A compressed text in one frame.
pub(crate) fn text(payload: impl AsRef<[u8]>) -> Frame {
    marked(wire::text(payload))
}

/// A compressed binary message in one frame.
pub(crate) fn binary(payload: impl AsRef<[u8]>) -> Frame {
    marked(wire::binary(payload))
}

/// The next message of the client, joined and inflated, and whether it was compressed.
pub(crate) async fn received<T>(
    peer: &mut Peer<T>,
    inflater: &mut StrictInflater,
) -> (Vec<u8>, bool)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let (payload, compressed) = joined(peer).await;
    if compressed {
        (inflater.message(&payload), true)
    } else {
        (payload, false)
    }
}

/// The payload of the client's next message, and whether it is compressed.
pub(crate) async fn joined<T>(peer: &mut Peer<T>) -> (Vec<u8>, bool)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let first = peer.next().await.expect("a message of the client");
    let mut payload = first.payload;
    let mut last = first.fin;
    while !last {
        let next = peer.next().await.expect("the rest of the message");
        payload.extend(next.payload);
        last = next.fin;
    }
    (payload, first.compressed)
}
