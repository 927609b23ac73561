//! Proxies: which of them leads to a target, and how it is asked to.

mod bypass;
mod environment;
mod http;
mod route;
mod server;
mod settings;
mod socks4;
mod socks5;
#[cfg(feature = "__tls")]
mod tls;

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

use super::Target;
use super::tls::blame;
use super::upgrade::send;
use crate::error::{Error, ErrorKind, Phase};

pub(super) use self::route::Route;
pub use self::settings::Proxy;

/// What has been said about proxies.
#[derive(Debug, Clone)]
pub(crate) enum ProxyChoice {
    /// None, whatever the environment says.
    Off,
    Through(Box<Proxy>),
}

impl ProxyChoice {
    pub(crate) fn through(proxy: Proxy) -> Self {
        Self::Through(Box::new(proxy))
    }

    /// What holds where nothing is said.
    #[expect(clippy::unnecessary_wraps, reason = "a build without proxies has none")]
    pub(crate) fn by_default() -> Option<Self> {
        Some(Self::through(Proxy::from_env()))
    }

    /// Whether a proxy has been asked for.
    pub(crate) fn is_on(&self) -> bool {
        matches!(self, Self::Through(_))
    }
}

/// The way to the target, if it leads through a proxy. Nothing is dialled for it.
pub(super) fn route(choice: Option<&ProxyChoice>, target: &Target) -> Result<Option<Route>, Error> {
    match choice {
        None | Some(ProxyChoice::Off) => Ok(None),
        Some(ProxyChoice::Through(proxy)) => proxy.route(target),
    }
}

/// What a proxy is asked to connect to.
enum Destination<'a> {
    Name(&'a str, u16),
    Address(SocketAddr),
}

/// The proxy refused, or broke the rules. What says which proxy is put in front later.
fn fault(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Proxy, Phase::Proxy, message)
}

/// The connection failed or, without an error, ended.
fn lost(error: Option<io::Error>, at: &str) -> Error {
    let error = error.unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
    // A proxy that wants a client certificate says so only now (RFC 8446 §4.4.2.4).
    let error = match blame(error, Phase::Proxy) {
        Ok(error) => return error,
        Err(error) => error,
    };
    let message = match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("it closed the connection {at}"),
        _ => format!("the connection to it was lost ({error}) {at}"),
    };
    fault(message).with_source(error)
}

/// Reads exactly this many bytes of `what`.
async fn read<const N: usize>(
    stream: &mut (impl AsyncRead + Unpin),
    what: &str,
) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    match stream.read_exact(&mut bytes).await {
        Ok(_) => Ok(bytes),
        Err(error) => Err(lost(Some(error), &format!("before {what} was whole"))),
    }
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<(), Error> {
    let sent = send(stream, bytes).await;
    sent.map_err(|error| lost(Some(error), "while it was being asked"))
}
