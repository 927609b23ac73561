//! The one stream type behind everything that can be dialled.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::tls::{self, TlsStream};

/// The byte stream under a connection that [`connect`](crate::connect()) has dialled: TCP, or TLS
/// over TCP.
pub struct Transport(Layers);

enum Layers {
    Plain(TcpStream),
    /// Boxed because it is large, and most of it is not touched while nothing happens.
    Tls(Box<TlsStream>),
}

impl Transport {
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self(Layers::Plain(stream))
    }

    pub(super) fn tls(stream: TlsStream) -> Self {
        Self(Layers::Tls(Box::new(stream)))
    }

    /// The address of the other end of the TCP connection.
    ///
    /// # Errors
    ///
    /// If the operating system does not know it any more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().peer_addr()
    }

    /// The address of this end of the TCP connection.
    ///
    /// # Errors
    ///
    /// If the operating system does not know it any more.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().local_addr()
    }

    /// Whether TLS protects the stream.
    pub fn is_tls(&self) -> bool {
        matches!(self.0, Layers::Tls(_))
    }

    fn tcp(&self) -> &TcpStream {
        match &self.0 {
            Layers::Plain(stream) => stream,
            Layers::Tls(stream) => tls::tcp(stream),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Layers::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Layers::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Layers::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Layers::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Layers::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Layers::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Layers::Plain(stream) => stream.is_write_vectored(),
            Layers::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Layers::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Layers::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Layers::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Layers::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers = if self.is_tls() { "TLS" } else { "TCP" };
        f.debug_struct("Transport")
            .field("layers", &layers)
            .field("peer", &self.peer_addr().ok())
            .finish()
    }
}
