//! Counters of one connection.

/// What has gone over a connection since it was opened.
///
/// ```
/// # async fn example() -> Result<(), longwire::Error> {
/// let ws = longwire::connect("wss://example.com/feed").await?;
/// println!("{} messages received", ws.stats().received.messages);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// What came from the server.
    pub received: Traffic,
    /// What was queued for the server; it may not all have been written yet.
    pub sent: Traffic,
}

/// Counters of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Whole data messages.
    pub messages: u64,
    /// Bytes of payload in those messages.
    pub bytes: u64,
    /// Ping frames.
    pub pings: u64,
    /// Pong frames.
    pub pongs: u64,
}

impl Traffic {
    #[inline]
    pub(super) fn message(&mut self, len: usize) {
        self.messages += 1;
        self.bytes += len as u64;
    }
}
