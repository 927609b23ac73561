//! Messages in parts: received before they are complete, and longer than memory.

mod reader;

pub use self::reader::MessageReader;
