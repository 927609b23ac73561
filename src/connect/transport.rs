//! The one stream type behind everything that can be dialled.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::tls::{self, TlsStream};
use super::unix::UnixStream;

/// The byte stream under a connection that [`connect`](crate::connect()) has dialled: TCP, a Unix
/// socket, or TLS over either.
pub struct Transport {
    layers: Layers,
    /// Whether the TLS on top is with the server; otherwise it is with a proxy.
    is_secure: bool,
}

enum Layers {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// TLS over any of these, TLS to a proxy included. Boxed because it is large, and most of it is
    /// not touched while nothing happens.
    Tls(Box<TlsStream<Transport>>),
}

/// Does the same with the stream of whichever layer is on top.
macro_rules! on_top {
    ($transport:expr, $stream:ident => $action:expr) => {
        match &mut $transport.layers {
            Layers::Tcp($stream) => $action,
            Layers::Unix($stream) => $action,
            Layers::Tls(boxed) => {
                let $stream = &mut **boxed;
                $action
            }
        }
    };
}

impl Transport {
    /// The address of the other end of the TCP connection.
    ///
    /// # Errors
    ///
    /// If the operating system does not know it any more, or the connection is no TCP connection.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp()?.peer_addr()
    }

    /// The address of this end of the TCP connection.
    ///
    /// # Errors
    ///
    /// If the operating system does not know it any more, or the connection is no TCP connection.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp()?.local_addr()
    }

    /// Whether TLS protects the stream up to the server. TLS to a proxy does not count.
    pub fn is_tls(&self) -> bool {
        self.is_secure
    }

    /// The TLS on top is with the server.
    pub(super) fn set_secure(&mut self) {
        self.is_secure = true;
    }

    fn tcp(&self) -> io::Result<&TcpStream> {
        match &self.layers {
            Layers::Tcp(stream) => Ok(stream),
            Layers::Unix(_) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a Unix socket has no such address",
            )),
            Layers::Tls(stream) => tls::inside(stream).tcp(),
        }
    }
}

impl From<Layers> for Transport {
    fn from(layers: Layers) -> Self {
        Self {
            layers,
            is_secure: false,
        }
    }
}

impl From<TcpStream> for Transport {
    fn from(stream: TcpStream) -> Self {
        Layers::Tcp(stream).into()
    }
}

impl From<UnixStream> for Transport {
    fn from(stream: UnixStream) -> Self {
        Layers::Unix(stream).into()
    }
}

impl From<TlsStream<Self>> for Transport {
    fn from(stream: TlsStream<Self>) -> Self {
        Layers::Tls(Box::new(stream)).into()
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_top!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_top!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_top!(self, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    /// Every layer gathers: sockets by `writev`, TLS into its own records.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_top!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_top!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers = match &self.layers {
            Layers::Tcp(_) => "TCP",
            Layers::Unix(_) => "Unix socket",
            Layers::Tls(_) => "TLS",
        };
        f.debug_struct("Transport")
            .field("layers", &layers)
            .field("is_secure", &self.is_secure)
            .field("peer", &self.peer_addr().ok())
            .finish()
    }
}
