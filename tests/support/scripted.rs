//! A server that plays a script: over any stream, a socket of the loopback or a pipe in memory.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic;

use longwire::{Config, WsStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::request::{Request, Response};
use super::wire::{self, ClientFrame, ClientFrames};

/// The server's end of a connection.
#[derive(Debug)]
pub(crate) struct Peer<T> {
    pub(super) io: T,
    frames: ClientFrames,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Peer<T> {
    pub(crate) fn new(io: T) -> Self {
        Self {
            io,
            frames: ClientFrames::default(),
        }
    }

    /// The transport, to be used otherwise. Nothing may have been read behind the last frame.
    #[cfg(feature = "__tls")]
    pub(crate) fn into_inner(self) -> T {
        assert!(!self.frames.inside_frame(), "bytes would be lost");
        self.io
    }

    /// Compression was agreed; see [`ClientFrames::may_compress`].
    #[cfg(feature = "deflate")]
    pub(crate) fn may_compress(&mut self) {
        self.frames.may_compress();
    }

    /// Reads the request head of the opening handshake, byte by byte up to its blank line.
    ///
    /// A client must not send anything behind it before it has the response (RFC 6455 §4.1), which
    /// [`switch`](Self::switch) relies on: what came too early would be taken for a frame.
    pub(crate) async fn request(&mut self) -> Request {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.io.read_u8().await.expect("a whole request head"));
        }
        Request::parse(&head)
    }

    /// Reads the request and answers it correctly.
    pub(crate) async fn switch(&mut self) -> Request {
        let request = self.request().await;
        self.send(Response::to(&request).bytes()).await;
        request
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes)
            .await
            .expect("the client is there to be written to");
    }

    /// As [`send`](Self::send), for a client that may be gone.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.io.write_all(bytes.as_ref()).await?;
        self.io.flush().await
    }

    /// The next frame of the client; `None` when it has shut its side down between two frames.
    pub(crate) async fn next(&mut self) -> Option<ClientFrame> {
        let mut buffer = vec![0; 16 << 10];
        loop {
            if let Some(frame) = self.frames.next() {
                return Some(frame);
            }
            let read = match self.io.read(&mut buffer).await {
                Ok(read) => read,
                Err(error) => panic!("reading from the client: {error}"),
            };
            if read == 0 {
                assert!(!self.frames.inside_frame(), "the client left half a frame");
                return None;
            }
            self.frames.push(&buffer[..read]);
        }
    }

    /// The next frame, which must be a whole message or control frame with this content.
    pub(crate) async fn expect(&mut self, opcode: u8, payload: impl AsRef<[u8]>) {
        let frame = self.next().await.expect("a frame of the client");
        assert!(frame.fin, "a fragment: {frame:?}");
        assert_eq!(
            (frame.opcode, frame.payload.as_slice()),
            (opcode, payload.as_ref())
        );
    }

    /// The next frame, which must be a Close with this code.
    pub(crate) async fn expect_close(&mut self, code: u16) {
        let frame = self.next().await.expect("a Close frame of the client");
        let found = frame.close_code_and_reason().map(|(code, _)| code);
        assert_eq!(found, Some(code), "{frame:?}");
    }

    /// The client's end, with nothing before it.
    pub(crate) async fn expect_end(&mut self) {
        assert_eq!(self.next().await, None, "the client's end was expected");
    }

    /// Answers the client's Close with its own code, and ends the stream as a server should
    /// (RFC 6455 §7.1.1).
    pub(crate) async fn answer_close(&mut self, code: u16) {
        self.expect_close(code).await;
        self.send(wire::close(code, "").bytes()).await;
        self.finish().await;
    }

    /// Shuts the writing side down: a FIN.
    pub(crate) async fn finish(&mut self) {
        self.io.shutdown().await.expect("a FIN");
    }

    /// Reads until the client ends, or has gone, and judges nothing.
    pub(crate) async fn drain(&mut self) {
        let mut buffer = vec![0; 16 << 10];
        while matches!(self.io.read(&mut buffer).await, Ok(1..)) {}
    }
}

impl Peer<TcpStream> {
    /// Ends the connection with a RST.
    pub(crate) fn reset(self) {
        self.io.set_zero_linger().expect("SO_LINGER of 0");
    }
}

/// A scripted server on the loopback, for one connection.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    script: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start<F, S>(script: F) -> Self
    where
        F: FnOnce(Peer<TcpStream>) -> S + Send + 'static,
        S: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            socket.set_nodelay(true).unwrap();
            script(Peer::new(socket)).await;
        });
        Self { address, script }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// Waits for the script's end, and fails if it failed.
    pub(crate) async fn done(self) {
        join(self.script).await;
    }
}

/// An address of the loopback that refuses connections for as long as the socket is kept: it is
/// bound, so that nobody else gets the port, and does not listen.
pub(crate) fn dead_end() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A port where nobody answers, at every address of the loopback (127.0.0.0/8): a SYN gets neither
/// an answer nor a refusal, because the queue of those who wait to be accepted is full.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(crate) struct BlackHole {
    pub(crate) port: u16,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

#[cfg(target_os = "linux")]
impl BlackHole {
    pub(crate) async fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("0.0.0.0:0".parse().unwrap()).unwrap();
        let listener = socket.listen(0).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut queued = Vec::new();
        loop {
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            // A connection of the loopback is made at once, or not at all.
            let short = std::time::Duration::from_millis(200);
            match tokio::time::timeout(short, TcpStream::connect(address)).await {
                Ok(connected) => queued.push(connected.unwrap()),
                Err(_) => break,
            }
            assert!(queued.len() < 10, "the queue does not fill");
        }
        Self {
            port,
            _listener: listener,
            _queued: queued,
        }
    }

    /// The address of the loopback that ends with this number.
    pub(crate) fn address(&self, number: u8) -> SocketAddr {
        ([127, 0, 0, number], self.port).into()
    }
}

/// Waits for a task, and passes its panic on.
pub(crate) async fn join<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        Err(error) => panic::resume_unwind(error.into_panic()),
    }
}

/// An open connection in memory, with the default settings.
pub(crate) fn open() -> (WsStream<DuplexStream>, Peer<DuplexStream>) {
    open_with(Config::default())
}

/// An open connection in memory, as if the opening handshake were done.
pub(crate) fn open_with(config: Config) -> (WsStream<DuplexStream>, Peer<DuplexStream>) {
    let (near, far) = tokio::io::duplex(1 << 20);
    (upgraded(near, config), Peer::new(far))
}

/// The client on any transport, as if the opening handshake were done.
pub(crate) fn upgraded<T>(io: T, config: Config) -> WsStream<T>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    WsStream::from_upgraded(io, bytes::Bytes::new(), config)
}
