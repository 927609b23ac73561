// The chart goes into the page itself: a relative link leads nowhere there.
#![doc = include_str!("../docs/chart.link")]
// Its examples are those of the default features.
#![cfg_attr(feature = "deflate", doc = include_str!("../README.md"))]
//!
#![doc = include_str!("../SECURITY.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
//!
//! # The way of a byte
//!
//! ```text
//! in:   socket → connect::Transport (TCP, or TLS over it) → stream::ReadBuffer → Protocol::receive
//!         ├ codec: the header and its rules
//!         ├ control → close / Pong due → reply queued and flushed
//!         └ data    → whole frame, or Assembler (inflate → limit → UTF-8) → Message → WsStream::next → user
//! out:  user → WsStream::send → Protocol (close state → deflate → fragments)
//!         → stream::WriteQueue (header + mask) → Transport → socket
//! ```
//!
//! `client` is the one place where `connect` (from a URL to a byte stream) and `stream` (from a byte
//! stream to messages) meet. `handshake`, `protocol` and `frame` do no I/O.

// In reading order: what a user meets first, then the way in, then what everything stands on.
mod client;
mod connect;
mod handshake;
mod stream;

mod codec;
mod frame;
mod protocol;

mod close_code;
mod config;
mod cookies;
#[cfg_attr(
    not(feature = "__tls"),
    allow(dead_code, reason = "only certificates have dates in their form")
)]
mod date;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(not(feature = "deflate"))]
#[path = "no_deflate.rs"]
mod deflate;
pub mod error;
mod growing_buffer;
mod liveness;
mod message;
mod parted_buffer;
mod random;
mod report;
mod send_options;
mod spare;
#[cfg(feature = "tracing")]
mod trace;
#[cfg(not(feature = "tracing"))]
#[path = "no_trace.rs"]
mod trace;
mod utf8;

pub use self::client::{Client, ClientBuilder, Connect, Connecting, Dial, Over, connect};
pub use self::close_code::CloseCode;
pub use self::codec::FrameCodec;
pub use self::config::Config;
pub use self::connect::{IntoUrl, Redirect, Resolve, Resolving, SystemResolver, Transport};
pub use self::cookies::CookieStore;
#[cfg(feature = "deflate")]
pub use self::deflate::{AgreedDeflate, Deflate};
pub use self::error::{Error, ErrorKind, Phase};
pub use self::frame::{Frame, Opcode};
pub use self::handshake::Handshake;
pub use self::liveness::Liveness;
pub use self::message::{CloseInfo, Message, MessageKind, Side};
pub use self::protocol::Rtt;
pub use self::report::{
    Attempt, CertificateReport, ConnectReport, Failure, ProxyReport, TlsReport,
};
pub use self::send_options::{Compress, SendOptions};
pub use self::stream::{
    Batch, ByteStream, CompressedTraffic, ControlFrame, Inbox, InboxStats, MessageReader,
    MessageRef, MessageWriter, Permit, ReuniteError, Stats, Traffic, TrySendError, WsReceiver,
    WsSender, WsStream,
};
pub use self::utf8::Utf8Bytes;
pub use bytes;
pub use http;

#[cfg(feature = "proxy")]
pub use self::connect::proxy::Proxy;
#[cfg(feature = "__tls")]
mod tls {
    pub use tokio_rustls::rustls;

    pub use crate::connect::tls::Tls;
}
#[cfg(feature = "__tls")]
pub use self::tls::{Tls, rustls};
