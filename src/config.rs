//! The limits and buffers of an open connection: what each knob does, in which unit, and what more
//! or less of it costs.

use std::time::Duration;

use crate::deflate::Deflate;
use crate::error::{Error, ErrorKind, Phase};
use crate::liveness::Liveness;

/// Settings of a connection once it is open.
///
/// [`Connect`](crate::Connect) has a setter of the same name for each; this type is for
/// [`WsStream::from_upgraded`](crate::WsStream::from_upgraded).
///
/// ```
/// use longwire::Config;
///
/// let config = Config::default().max_message_size(1 << 20);
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) max_message_size: usize,
    pub(crate) max_frame_size: usize,
    pub(crate) max_parts_size: u64,
    pub(crate) write_high_water: usize,
    pub(crate) fragment_size: Option<usize>,
    pub(crate) close_timeout: Duration,
    pub(crate) liveness: Option<Liveness>,
    /// Asked for in the opening handshake, so there is a setter on `Connect` only.
    pub(crate) deflate: Option<Deflate>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_message_size: 64 << 20,
            max_frame_size: 64 << 20,
            max_parts_size: u64::MAX,
            write_high_water: 128 << 10,
            fragment_size: None,
            close_timeout: Duration::from_secs(5),
            liveness: Some(Liveness::default()),
            deflate: None,
        }
    }
}

impl Config {
    /// The largest message that is accepted, in bytes, inclusive. Default: 64 MiB.
    ///
    /// A larger one fails the connection with 1009 as soon as a frame's header shows it
    /// (RFC 6455 §10.4). It bounds memory: a hostile peer can cause at most twice this plus 192 KiB.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = bytes;
        self
    }

    /// The largest data frame that is accepted, in bytes of payload, inclusive. Default: 64 MiB.
    ///
    /// Fragments may add up to more than this, up to the message limit. Control frames are small by
    /// themselves (125 bytes, RFC 6455 §5.5) and pass.
    pub fn max_frame_size(mut self, bytes: usize) -> Self {
        self.max_frame_size = bytes;
        self
    }

    /// The largest message that is accepted by
    /// [`WsStream::next_parts`](crate::WsStream::next_parts), in bytes, inclusive. Default: no limit.
    ///
    /// A message that is read in parts takes no more memory when it is longer, so the limits for
    /// messages and frames are not for it. A larger one fails the connection with 1009 as soon as a
    /// frame's header shows it.
    pub fn max_parts_size(mut self, bytes: u64) -> Self {
        self.max_parts_size = bytes;
        self
    }

    /// How many bytes may wait to be written before sending waits, in bytes. Default: 128 KiB.
    ///
    /// A message is always taken whole, so that at most this and one message are waiting. More of
    /// it means fewer waits behind a slow peer and more memory; at 0 each message waits until the
    /// one before is written.
    pub fn write_high_water(mut self, bytes: usize) -> Self {
        self.write_high_water = bytes;
        self
    }

    /// Sends messages in frames of at most this many bytes of payload (RFC 6455 §5.4).
    /// Default: no limit, one frame for each message.
    ///
    /// For peers that refuse large frames. Each frame costs 6 to 14 bytes more on the wire.
    pub fn fragment_size(mut self, bytes: usize) -> Self {
        self.fragment_size = Some(bytes);
        self
    }

    /// How long the closing handshake may take, as a whole. Default: 5 s.
    ///
    /// It bounds the wait for the peer's Close frame and for the peer to close the transport
    /// (RFC 6455 §7.1.1).
    pub fn close_timeout(mut self, limit: Duration) -> Self {
        self.close_timeout = limit;
        self
    }

    /// When the connection counts as dead. Default: [`Liveness::default()`], which is on.
    pub fn liveness(mut self, liveness: Liveness) -> Self {
        self.liveness = Some(liveness);
        self
    }

    /// Sends no Pings of its own and never calls the peer dead: a peer that vanishes is noticed when
    /// TCP notices, which may be never.
    pub fn no_liveness(mut self) -> Self {
        self.liveness = None;
        self
    }

    /// The first setting that makes no sense, by name.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.fragment_size == Some(0) {
            return Err(Error::new(
                ErrorKind::Config,
                Phase::Open,
                "fragment_size is 0: a message cannot be sent in frames without payload",
            ));
        }
        if let Some(Err(complaint)) = self.deflate.as_ref().map(Deflate::check) {
            return Err(Error::new(ErrorKind::Config, Phase::Open, complaint));
        }
        self.liveness.as_ref().map_or(Ok(()), Liveness::check)
    }
}
