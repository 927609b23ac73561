//! The face of [`tls`](super::tls) in a build without TLS: `wss://` is refused before anything is
//! dialled, and the types that stand for TLS have no values.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::target::Host;
use super::{Progress, Transport};
use crate::error::{Error, Phase};

/// There is nothing to choose.
#[derive(Debug, Clone)]
pub(crate) enum TlsChoice {}

#[derive(Debug, Clone)]
pub(crate) struct Connector(Infallible);

#[derive(Debug)]
pub(super) struct TlsStream<S>(Infallible, PhantomData<S>);

pub(crate) fn connector(_: Option<&TlsChoice>) -> Result<Connector, Error> {
    Err(Error::config(
        "this build of longwire has no TLS, so wss:// cannot be used: enable the feature \
         rustls-ring or rustls-aws-lc-rs",
    ))
}

impl Connector {
    pub(super) fn without_client_cert(self) -> Self {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the face of the real one")]
    pub(super) async fn handshake(
        &self,
        _: Transport,
        _: &Host,
        _: &mut Progress,
    ) -> Result<Transport, Error> {
        match self.0 {}
    }
}

/// No error comes from TLS.
pub(super) fn blame(error: io::Error, _: Phase) -> Result<Error, io::Error> {
    Err(error)
}

pub(super) fn inside<S>(stream: &TlsStream<S>) -> &S {
    match stream.0 {}
}

impl<S: Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}

impl<S: Unpin> AsyncWrite for TlsStream<S> {
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

#[cfg(test)]
mod tests {
    use crate::error::ErrorKind;

    #[tokio::test]
    async fn wss_is_refused_before_anything_is_done_with_the_features_to_enable() {
        let error = crate::connect("wss://localhost")
            .resolver(|_, _| async { panic!("the resolver was asked") })
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        for feature in ["rustls-ring", "rustls-aws-lc-rs"] {
            assert!(error.to_string().contains(feature), "{error}");
        }
    }
}
