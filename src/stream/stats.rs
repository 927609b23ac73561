//! Counters of one connection.

use std::time::Instant;

use crate::protocol::{Handed, Rtt};

/// What has gone over a connection since it was opened, and its state when it was asked.
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
    /// How many bytes wait to be written just now, headers included.
    pub write_queue: usize,
    /// When the server's last byte came, as seen by the polls of this stream; up to one tick of
    /// [`Liveness`](crate::Liveness) later than it did. `None` without liveness, and before the
    /// stream has waited for the first time.
    pub last_activity: Option<Instant>,
    /// How long the server takes to answer Pings.
    pub rtt: Rtt,
}

/// What is counted while bytes go by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counters {
    pub(super) received: Traffic,
    pub(super) sent: Traffic,
}

/// Counters of one direction.
// Two that are counted together lie apart: side by side, they become one vector that is taken to
// pieces and put together for each message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Whole data messages, with those of [`Liveness::app_ping`](crate::Liveness::app_ping) and the
    /// answers to it.
    pub messages: u64,
    /// Ping frames.
    pub pings: u64,
    /// Pong frames.
    pub pongs: u64,
    /// Bytes of payload in the messages.
    pub bytes: u64,
    /// All bytes that went over the transport, frame headers and control frames included. What was
    /// sent counts when the transport has taken it.
    pub wire_bytes: u64,
    /// Those of the messages that were compressed.
    pub compressed: CompressedTraffic,
}

/// What compression did for the messages of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompressedTraffic {
    /// Whole data messages that were compressed.
    pub messages: u64,
    /// Bytes of payload in those messages, before they were compressed.
    pub bytes_before: u64,
    /// Bytes that their frames carried instead.
    pub bytes_after: u64,
}

impl Traffic {
    #[inline]
    pub(super) fn message(&mut self, len: usize) {
        self.messages += 1;
        self.bytes += len as u64;
    }

    /// As [`message`](Self::message), of one that went out in parts.
    pub(super) fn in_parts(&mut self, size: u64) {
        self.messages += 1;
        self.bytes += size;
    }

    /// As [`message`](Self::message), of one that came in parts.
    pub(super) fn handed_on(&mut self, handed: Handed) {
        self.in_parts(handed.size);
        if let Some(carried) = handed.inflated_from {
            self.compressed.messages += 1;
            self.compressed.bytes_before += handed.size;
            self.compressed.bytes_after += carried;
        }
    }

    /// Such a message was compressed.
    pub(super) fn compressed(&mut self, before: usize, after: u64) {
        self.compressed.messages += 1;
        self.compressed.bytes_before += before as u64;
        self.compressed.bytes_after += after;
    }
}
