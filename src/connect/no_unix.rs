//! The face of [`unix`](super::unix) where there are no Unix sockets: the URL has been refused.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Progress;
use crate::error::{Error, ErrorKind, Phase};

#[derive(Debug)]
pub(super) struct UnixStream(Infallible);

#[expect(clippy::unused_async, reason = "the face of the real one")]
pub(super) async fn connect(_: &Path, _: &mut Progress) -> Result<UnixStream, Error> {
    Err(Error::new(
        ErrorKind::Url,
        Phase::Connect,
        "this operating system has no Unix sockets",
    ))
}

impl AsyncRead for UnixStream {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match self.0 {}
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.0 {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}
