//! An async WebSocket client for tokio.

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

pub use self::close_code::CloseCode;
pub use self::codec::FrameCodec;
pub use self::config::Config;
pub use self::error::{Error, ErrorKind, Phase};
pub use self::frame::{Frame, Opcode};
pub use self::handshake::Handshake;
pub use self::message::{CloseInfo, Message, Side};
pub use self::report::{Attempt, ConnectReport};
pub use self::stream::{ControlFrame, Stats, Traffic, WsStream};
pub use self::utf8::Utf8Bytes;
