//! What a contestant must be able to do, in terms of what its user would write.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::load::Shape;

/// Any error of a contestant: it ends the run.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A byte stream a contestant is put on.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Io for T {}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Text,
    Binary,
}

/// Which rows a contestant is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// The crate this bench belongs to.
    Ours,
    /// A library on the market.
    Rival,
    /// Parses and validates, and no more: what a library's comforts are measured against.
    Floor,
    /// Moves the bytes, and parses nothing.
    Limit,
}

/// What a user knows about his own connection, and may set buffers by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// As the library comes.
    Default,
    /// Much traffic: the settings its documents advise for throughput.
    Busy,
    /// A message now and then.
    Quiet,
}

/// What a connection is made with.
#[derive(Clone, Copy)]
pub struct Setup {
    pub profile: Profile,
    /// What comes in. Only the row that parses nothing needs to be told.
    pub shape: Shape,
}

/// A contestant.
pub trait Library: 'static {
    const NAME: &'static str;
    const CLASS: Class;

    type Ws<S: Io>: Ws;
    /// For those who send many small messages between flushes. The same type wherever the library has a write buffer.
    type Batching<S: Io>: Ws;

    /// A client connection on a stream whose opening handshake is done.
    fn wrap<S: Io>(io: S, setup: Setup) -> impl Future<Output = Result<Self::Ws<S>, Fault>>;

    fn wrap_batching<S: Io>(
        io: S,
        setup: Setup,
    ) -> impl Future<Output = Result<Self::Batching<S>, Fault>>;

    /// The library's own opening handshake, as a client of `ws://localhost/`, over a stream that is connected.
    /// What comes back is only dropped.
    fn handshake<S: Io>(io: S) -> impl Future<Output = Result<impl Sized, Fault>>;
}

/// A contestant that has permessage-deflate (RFC 7692).
pub trait Deflating: Library {
    type Compressed<S: Io>: Ws;

    /// A client connection on which the extension was agreed: this side at level 1 and with a window of
    /// [`OUR_WINDOW_BITS`], the server with the largest.
    fn wrap_compressed<S: Io>(
        io: S,
        terms: Terms,
    ) -> impl Future<Output = Result<Self::Compressed<S>, Fault>>;
}

/// What was agreed about compression beside the windows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Whether messages refer to earlier ones, in both directions.
    pub takeover: bool,
}

impl Terms {
    /// The server's answer in the opening handshake.
    pub fn answer(self) -> String {
        let mut answer = format!("permessage-deflate; client_max_window_bits={OUR_WINDOW_BITS}");
        if !self.takeover {
            answer.push_str("; server_no_context_takeover; client_no_context_takeover");
        }
        answer
    }
}

/// longwire's default, set for all.
pub const OUR_WINDOW_BITS: u8 = 12;

/// An open connection.
pub trait Ws: Send {
    /// A message as an application keeps it.
    type Owned;
    /// A text ready to be sent again and again, in the form that costs this library least.
    type Text;
    /// The same for bytes.
    type Binary;

    fn payload(owned: &Self::Owned) -> &[u8];

    fn text(text: &str) -> Self::Text;

    fn binary(bytes: &[u8]) -> Self::Binary;

    /// Receives `count` messages and lends each to `look`: no copy is made that the library does not force.
    async fn receive(
        &mut self,
        count: usize,
        look: &mut impl FnMut(Kind, &[u8]),
    ) -> Result<(), Fault>;

    /// Receives `count` messages and gives each away.
    async fn receive_owned(
        &mut self,
        count: usize,
        keep: &mut impl FnMut(Self::Owned),
    ) -> Result<(), Fault>;

    /// Queues a message; it may be written at once or wait for `flush`. Text and bytes have a method each, since who sends
    /// knows which it is, and the compiler with him.
    async fn feed_text(&mut self, text: &Self::Text) -> Result<(), Fault>;

    async fn feed_binary(&mut self, bytes: &Self::Binary) -> Result<(), Fault>;

    async fn flush(&mut self) -> Result<(), Fault>;

    /// Receives `count` messages and sends each back, flushed, before the next.
    async fn echo(&mut self, count: usize) -> Result<(), Fault>;
}

/// The answer to anything but a data message: no row's peer sends one.
pub fn unexpected(what: &str) -> Fault {
    format!("received {what} where a data message was due").into()
}
