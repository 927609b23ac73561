//! What every failure must look like: its kind and phase, one `Err`, and an end that stays an end.

use std::time::Duration;

use longwire::{CloseCode, CloseInfo, Error, ErrorKind, Message, Phase, Side, WsStream};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::time::Instant;

use super::scripted::{Peer, open};

/// The longest that failing the connection may take: the Close is sent, and the peer has half a
/// second to end.
pub(crate) const FAILED_WITHIN: Duration = Duration::from_secs(1);

/// How long the closing handshake may take when nothing else is said.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What an end is to look like.
pub(crate) fn close_info(
    by: Side,
    code: impl Into<Option<u16>>,
    reason: &str,
    clean: bool,
) -> CloseInfo {
    CloseInfo {
        by,
        code: code.into().map(CloseCode),
        reason: reason.into(),
        clean,
    }
}

#[track_caller]
pub(crate) fn assert_error(error: &Error, kind: ErrorKind, phase: Phase) {
    assert_eq!((error.kind(), error.phase()), (kind, phase), "{error:?}");
    assert!(!error.to_string().is_empty());
}

/// The next message, which must be text.
pub(crate) async fn next_text<T>(ws: &mut WsStream<T>) -> String
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let message = ws.next().await.expect("a message").expect("no error");
    message.as_text().expect("a text message").to_owned()
}

/// The next message, which must be binary.
pub(crate) async fn next_binary<T>(ws: &mut WsStream<T>) -> Vec<u8>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    match ws.next().await.expect("a message").expect("no error") {
        Message::Binary(bytes) => bytes.to_vec(),
        Message::Text(text) => panic!("a binary message was expected: {text:?}"),
    }
}

/// The next item must be an error of this kind and phase; behind it the stream is at its end, and
/// every use of it ends at once.
pub(crate) async fn fails<T>(ws: &mut WsStream<T>, kind: ErrorKind, phase: Phase) -> Error
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let error = match ws.next().await {
        Some(Err(error)) => error,
        other => panic!("{kind:?} was expected: {other:?}"),
    };
    assert_error(&error, kind, phase);
    is_over(ws).await;
    error
}

/// The stream must be at its end without an error.
pub(crate) async fn ends<T>(ws: &mut WsStream<T>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let last = ws.next().await;
    assert!(last.is_none(), "the end was expected: {last:?}");
    is_over(ws).await;
}

/// Nothing more comes, sends are refused, and no call waits.
async fn is_over<T>(ws: &mut WsStream<T>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let begun = Instant::now();
    for _ in 0..2 {
        let next = ws.next().await;
        assert!(next.is_none(), "behind the end: {next:?}");
    }
    let refused = [
        ws.send("late").await.unwrap_err(),
        ws.send_binary(b"late").await.unwrap_err(),
        ws.feed_text("late").await.unwrap_err(),
        ws.ping("late").await.unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}");
    }
    assert!(ws.close_info().is_some(), "no word on how it ended");
    assert!(begun.elapsed() < Duration::from_millis(100));
}

/// Sends `bytes` to a fresh connection, which must give what `before` says and then fail with this
/// kind; the peer must see a Close with `code`, and nothing behind it.
pub(crate) async fn breaks(bytes: &[u8], before: &[&str], kind: ErrorKind, code: CloseCode) {
    let (mut ws, mut peer) = open();
    peer.send(bytes).await;
    for expected in before {
        assert_eq!(next_text(&mut ws).await, *expected);
    }
    fail_with(&mut ws, &mut peer, kind, code).await;
}

/// The connection must fail now: the error for the user, the Close and the end for the peer, both
/// in time.
pub(crate) async fn fail_with(
    ws: &mut WsStream<DuplexStream>,
    peer: &mut Peer<DuplexStream>,
    kind: ErrorKind,
    code: CloseCode,
) {
    let begun = Instant::now();
    let error = fails(ws, kind, Phase::Open).await;
    assert!(begun.elapsed() <= FAILED_WITHIN, "{:?}", begun.elapsed());
    let info = ws.close_info().unwrap();
    assert_eq!((info.code, info.clean), (Some(code), false));
    assert_eq!(error.close_info(), Some(info));
    peer.expect_close(code.into()).await;
    peer.expect_end().await;
}
