//! What can be said about one message that is sent.

/// How [`WsStream::send_with`](crate::WsStream::send_with), or that of a
/// [`WsSender`](crate::WsSender::send_with), sends one message.
///
/// ```
/// # async fn example(ws: &mut longwire::WsStream) -> Result<(), longwire::Error> {
/// use longwire::{Compress, SendOptions};
///
/// // Compressed beside text that others choose, a secret could be guessed from the size.
/// let alone = SendOptions::default().compress(Compress::Never);
/// ws.send_with(r#"{"op":"login","token":"..."}"#, alone).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SendOptions {
    pub(crate) compress: Compress,
}

impl SendOptions {
    /// Whether the message is compressed, on a connection on which that was agreed. Default:
    /// [`Compress::Default`].
    pub fn compress(mut self, compress: Compress) -> Self {
        self.compress = compress;
        self
    }
}

/// Whether one message is compressed. Without an agreement about compression, none is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Compress {
    /// If it is not below `Deflate::min_size` and becomes smaller by it.
    #[default]
    Default,
    /// Also if it is small, and if it becomes larger.
    Always,
    /// Not, and later messages do not refer to it: for secrets.
    Never,
}
