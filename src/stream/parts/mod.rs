//! Messages in parts: received and sent before they are complete, and longer than memory.

mod reader;
mod writer;

pub use self::reader::MessageReader;
pub use self::writer::MessageWriter;
pub(super) use self::writer::Unfinished;
