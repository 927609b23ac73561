//! Messages that are received in parts.

use longwire::{Error, MessageReader, WsStream};
use tokio::io::{AsyncRead, AsyncWrite};

/// More than a read buffer, and what else it takes.
pub(crate) const LITTLE: i64 = 192 << 10;

/// The next message, of which nothing has been read.
pub(crate) async fn begins<T>(ws: &mut WsStream<T>) -> MessageReader<'_, T>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let message = ws.next_parts().await.expect("a message");
    message.expect("no error")
}

/// All that comes of a message, and the error if it does not end.
pub(crate) async fn rest<T>(mut message: MessageReader<'_, T>) -> (Vec<u8>, Option<Error>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut bytes = Vec::new();
    while let Some(chunk) = message.chunk().await {
        match chunk {
            Ok(chunk) => {
                assert!(!chunk.is_empty());
                bytes.extend(chunk);
            }
            Err(error) => {
                assert!(message.chunk().await.is_none(), "behind {error}");
                return (bytes, Some(error));
            }
        }
    }
    (bytes, None)
}

/// The next message, received in parts to its end.
pub(crate) async fn whole<T>(ws: &mut WsStream<T>) -> Vec<u8>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let (bytes, error) = rest(begins(ws).await).await;
    assert!(error.is_none(), "{error:?}");
    bytes
}
