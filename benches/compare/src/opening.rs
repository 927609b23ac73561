//! The opening handshake's other end (RFC 6455 §4.2), and a client's in plain bytes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::library::Io;

/// What a client that is no library asks with. Any key will do.
pub fn request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// The length of a head that is complete, with its empty line.
pub fn head_len(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// The path of a complete request.
pub fn path(head: &[u8]) -> Option<&str> {
    std::str::from_utf8(head).ok()?.split(' ').nth(1)
}

/// The 101 to a complete request. Field names and values are spelled as most servers spell them, so that no client's
/// strictness is in the way.
pub fn response(head: &[u8]) -> Option<Vec<u8>> {
    let key = field(head, "sec-websocket-key")?;
    let accept = accept(key);
    Some(
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .into_bytes(),
    )
}

/// A stream behind a server that answers the opening handshake, and agrees to an extension, at once.
pub struct Answering<S> {
    io: S,
    opening: Option<Opening>,
}

struct Opening {
    extensions: String,
    request: Vec<u8>,
    response: Vec<u8>,
}

impl<S> Answering<S> {
    pub fn new(io: S, extensions: String) -> Self {
        let opening = Some(Opening {
            extensions,
            request: Vec::new(),
            response: Vec::new(),
        });
        Self { io, opening }
    }
}

impl<S: Io> AsyncRead for Answering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(opening) = self.opening.take() {
            if opening.response.is_empty() || opening.response.len() > buf.remaining() {
                return Poll::Ready(Err(io::Error::other(
                    "no answer to read, or no room for it",
                )));
            }
            buf.put_slice(&opening.response);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<S: Io> AsyncWrite for Answering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(opening) = &mut self.opening else {
            return Pin::new(&mut self.io).poll_write(cx, bytes);
        };
        opening.request.extend_from_slice(bytes);
        if let Some(response) = response(&opening.request) {
            let end = response.len() - 2;
            opening.response = response[..end].to_vec();
            let field = format!("Sec-WebSocket-Extensions: {}\r\n\r\n", opening.extensions);
            opening.response.extend(field.into_bytes());
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.opening.is_some() {
            let first = slices.first().map_or(&[][..], |slice| slice);
            return Poll::Ready(Ok(ready!(self.poll_write(cx, first))?));
        }
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// `Sec-WebSocket-Accept` for a key (RFC 6455 §4.2.2).
pub fn accept(key: &str) -> String {
    let mut sha1 = Sha1::new();
    sha1.update(key.as_bytes());
    sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(sha1.finalize())
}

/// A fresh `Sec-WebSocket-Key`.
pub fn key() -> String {
    STANDARD.encode(fastrand::u128(..).to_ne_bytes())
}

/// The value of a field of a head, by its name in lower case.
pub fn field<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    std::str::from_utf8(head).ok()?.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
