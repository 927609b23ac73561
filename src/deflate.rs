//! Compression by permessage-deflate (RFC 7692): what a user asks for, and what was agreed.

/// Asks for compression: permessage-deflate (RFC 7692).
///
/// Off unless it is asked for with [`Connect::deflate`](crate::Connect::deflate), for two reasons:
///
/// - **Memory.** A connection that receives compressed messages holds 48 KiB for it, one that sends
///   them another 45 KiB with these defaults; both are made when the first such message comes.
/// - **Secrets.** Where a secret and something that an attacker chooses are compressed together, the
///   length of the result tells of the secret (CRIME, BREACH). Who sends both in one connection sends
///   the secrets with [`Compress::Never`](crate::Compress::Never), or without compression at all.
///
/// The server decides whether messages are compressed, and how; [`Handshake::deflate`] says what was
/// agreed. A server that declines costs nothing.
///
/// ```no_run
/// # async fn example() -> Result<(), longwire::Error> {
/// use longwire::Deflate;
///
/// let ws = longwire::connect("wss://example.com/feed").deflate(Deflate::default()).await?;
/// println!("{:?}", ws.handshake().deflate());
/// # Ok(())
/// # }
/// ```
///
/// [`Handshake::deflate`]: crate::Handshake::deflate
#[derive(Debug, Clone)]
pub struct Deflate {
    pub(crate) level: u8,
    pub(crate) min_size: usize,
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) server_max_window_bits: Option<u8>,
    pub(crate) client_max_window_bits: Option<u8>,
}

impl Default for Deflate {
    fn default() -> Self {
        Self {
            level: 1,
            min_size: 64,
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: None,
            client_max_window_bits: None,
        }
    }
}

impl Deflate {
    /// How hard to try when sending, from 1 (fast) to 9 (small). Default: 1.
    ///
    /// Level 6 makes JSON a third smaller again, takes ten to twenty times as long, and 113 KiB more
    /// memory, as does every level but 1.
    pub fn level(mut self, level: u8) -> Self {
        self.level = level;
        self
    }

    /// Messages below this size, in bytes, are sent as they are. Default: 64.
    ///
    /// A message that compression does not make smaller is sent as it is anyway.
    pub fn min_size(mut self, bytes: usize) -> Self {
        self.min_size = bytes;
        self
    }

    /// Asks the server to compress each message by itself (RFC 7692 §7.1.1.1). Default: it may refer
    /// to earlier ones.
    ///
    /// Between messages such a connection holds no memory for receiving; small messages grow by a
    /// factor of about two. A server that agrees to compression, but not to this, fails the opening
    /// handshake.
    pub fn server_no_context_takeover(mut self) -> Self {
        self.server_no_context_takeover = true;
        self
    }

    /// Compresses each message that is sent by itself (RFC 7692 §7.1.1.2). Default: later messages
    /// refer to earlier ones, unless the server forbids it.
    ///
    /// Between messages such a connection holds no memory for sending; small messages grow by a
    /// factor of about two and take longer.
    pub fn client_no_context_takeover(mut self) -> Self {
        self.client_no_context_takeover = true;
        self
    }

    /// Asks the server to refer back over at most 2 to the power of `bits` bytes, 8 to 15
    /// (RFC 7692 §7.1.2.1). Default: no limit, which is 15.
    ///
    /// It saves the server's memory, not that of this side: what a server refers back to beyond it is
    /// read as well. A server that agrees to compression, but not to this, fails the opening handshake.
    pub fn server_max_window_bits(mut self, bits: u8) -> Self {
        self.server_max_window_bits = Some(bits);
        self
    }

    /// Refers back over at most 2 to the power of `bits` bytes, 9 to 15, when sending
    /// (RFC 7692 §7.1.2.2). Default: 12, or fewer if the server wants that.
    ///
    /// More of it takes more memory (15: 28 KiB more than 12, or 70 at other levels than 1) and makes
    /// large messages smaller.
    pub fn client_max_window_bits(mut self, bits: u8) -> Self {
        self.client_max_window_bits = Some(bits);
        self
    }

    /// The first setting that makes no sense, by name.
    pub(crate) fn check(&self) -> Result<(), String> {
        let complain = |name, value, range| Err(format!("deflate: {name} is {value}, not {range}"));
        if !(1..=9).contains(&self.level) {
            return complain("level", self.level, "1 to 9");
        }
        match self.server_max_window_bits {
            None | Some(8..=15) => {}
            Some(bits) => return complain("server_max_window_bits", bits, "8 to 15"),
        }
        match self.client_max_window_bits {
            None | Some(9..=15) => Ok(()),
            Some(bits) => complain("client_max_window_bits", bits, "9 to 15"),
        }
    }
}

/// What was agreed about compression in the opening handshake (RFC 7692 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgreedDeflate {
    /// Whether the server compresses each message by itself.
    pub server_no_context_takeover: bool,
    /// Whether this side compresses each message by itself.
    pub client_no_context_takeover: bool,
    /// How far the server refers back: 2 to the power of this, 8 to 15.
    pub server_max_window_bits: u8,
    /// How far this side may refer back: 2 to the power of this, 8 to 15.
    ///
    /// At 8 this side sends its messages uncompressed, which is always allowed: the compressor needs 9.
    pub client_max_window_bits: u8,
}
