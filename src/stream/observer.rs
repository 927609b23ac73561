//! What may be seen of control frames, which are otherwise handled inside.

use std::sync::Arc;

use crate::message::CloseInfo;

/// A control frame that was received (RFC 6455 §5.5), as an observer sees it.
///
/// ```no_run
/// use longwire::ControlFrame;
///
/// # async fn example() -> Result<(), longwire::Error> {
/// let ws = longwire::connect("wss://example.com/feed")
///     .on_control(|frame| {
///         if let ControlFrame::Ping(payload) = frame {
///             println!("ping of {} bytes", payload.len());
///         }
///     })
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlFrame<'a> {
    /// A Ping and its payload. It is answered whether or not somebody looks.
    Ping(&'a [u8]),
    /// A Pong and its payload, also one that nobody asked for.
    Pong(&'a [u8]),
    /// The server's Close frame, and with it how the connection ends.
    Close(&'a CloseInfo),
}

/// Called for every control frame, from within the poll that receives it.
pub(crate) type Observer = Arc<dyn Fn(ControlFrame<'_>) + Send + Sync>;
