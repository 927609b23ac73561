//! One answer to the request of the opening handshake, and what the client makes of it.

use std::error::Error as _;
use std::time::Duration;

use longwire::error::HandshakeError;
use longwire::{Connect, Error, ErrorKind, Phase, WsStream};
use tokio::io::DuplexStream;
use tokio::time::Instant;

use super::request::Request;
use super::scripted::Peer;
use super::verdict::assert_error;

pub(crate) type Answered = Result<WsStream<DuplexStream>, Error>;

/// Connects to a server that gives this answer at once and then waits.
pub(crate) async fn answered(answer: impl FnOnce(&Request) -> Vec<u8>) -> Answered {
    answered_to(longwire::connect("ws://server.example/"), answer).await
}

/// As [`answered`], with settings of the client's own; it must have made up its mind in 0.1 s.
pub(crate) async fn answered_to(
    connect: Connect,
    answer: impl FnOnce(&Request) -> Vec<u8>,
) -> Answered {
    let (near, far) = tokio::io::duplex(1 << 20);
    let connect = connect.over(near).into_future();
    let mut peer = Peer::new(far);
    let server = async {
        let request = peer.request().await;
        peer.send(answer(&request)).await;
    };
    let begun = Instant::now();
    let (result, ()) = tokio::join!(connect, server);
    assert!(begun.elapsed() < Duration::from_millis(100));
    // The peer must outlive the stream that is given away.
    tokio::spawn(async move { peer.drain().await });
    result
}

/// Why the opening handshake failed.
#[track_caller]
pub(crate) fn reason<T>(result: Result<T, Error>, what: &str) -> HandshakeError {
    let Err(error) = result else {
        panic!("{what}: the handshake did not fail");
    };
    assert_error(&error, ErrorKind::Handshake, Phase::Upgrade);
    let source = error.source().expect("a reason");
    let reason: &HandshakeError = source.downcast_ref().expect("a reason of the handshake");
    reason.clone()
}

/// The opening handshake must have failed for this kind of reason.
macro_rules! assert_reason {
    ($result:expr, $kind:ident, $what:expr) => {
        let reason = $crate::support::answer::reason($result, $what);
        assert!(
            matches!(reason, longwire::error::HandshakeError::$kind(_)),
            "{}: {reason:?}",
            $what
        );
    };
}
pub(crate) use assert_reason;
