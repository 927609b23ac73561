//! An async WebSocket client for tokio.

mod client;
mod close_code;
mod codec;
mod config;
mod connect;
mod date;
pub mod error;
mod frame;
mod growing_buffer;
mod handshake;
mod message;
mod protocol;
mod report;
mod stream;
mod utf8;

pub use self::client::{Client, ClientBuilder, Connect, Connecting, Dial, Over, connect};
pub use self::close_code::CloseCode;
pub use self::codec::FrameCodec;
pub use self::config::Config;
pub use self::connect::{IntoUrl, Resolve, Resolving, SystemResolver, Transport};
pub use self::error::{Error, ErrorKind, Phase};
pub use self::frame::{Frame, Opcode};
pub use self::handshake::Handshake;
pub use self::message::{CloseInfo, Message, Side};
pub use self::report::{Attempt, ConnectReport};
pub use self::stream::{ControlFrame, Stats, Traffic, WsStream};
pub use self::utf8::Utf8Bytes;
pub use bytes;
pub use http;

#[cfg(feature = "__tls")]
mod tls {
    pub use tokio_rustls::rustls;

    pub use crate::connect::tls::Tls;
}
#[cfg(feature = "__tls")]
pub use self::tls::{Tls, rustls};
