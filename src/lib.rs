//! An async WebSocket client for tokio.

mod close_code;
mod config;
mod date;
pub mod error;
mod growing_buffer;
mod message;
mod report;
mod utf8;

pub use self::close_code::CloseCode;
pub use self::config::Config;
pub use self::error::{Error, ErrorKind, Phase};
pub use self::message::{CloseInfo, Message, Side};
pub use self::report::{Attempt, ConnectReport};
pub use self::utf8::Utf8Bytes;
