//! What a user meets first: `connect`, its options, and clients that share them.

#[cfg(feature = "deflate")]
mod deflate;
mod dialling;
mod options;
#[cfg(feature = "proxy")]
mod proxy;
#[cfg(test)]
mod tests;
#[cfg(feature = "__tls")]
mod tls;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use http::header::{AUTHORIZATION, HeaderMap};
use tokio::io::{AsyncRead, AsyncWrite};

use self::dialling::Dialling;
use self::options::{Options, shared_setters};
use crate::config::Config;
use crate::connect::tls::Connector;
use crate::connect::{self, IntoUrl, Means, Opened, Plan, Resolve, SystemResolver, Transport};
use crate::error::Error;
use crate::handshake::Offer;
use crate::stream::{ControlFrame, Observer, WsStream};
use crate::trace;

/// Connects to a `ws://` or `wss://` URL.
///
/// What it returns is awaited, with or without options in between. A program's connections made in
/// this way share one [`Client`] with the default settings: among them, with the feature `proxy`, the
/// proxy that the environment names.
///
/// ```no_run
/// # async fn example() -> Result<(), longwire::Error> {
/// let mut ws = longwire::connect("wss://example.com/feed").await?;
/// ws.send("subscribe").await?;
/// # Ok(())
/// # }
/// ```
///
/// To do it on a task of its own:
///
/// ```no_run
/// # async fn example() {
/// let task = tokio::spawn(longwire::connect("wss://example.com/feed").into_future());
/// # }
/// ```
///
/// RFC 6455 §4.1 wants a client to have only one connection in the CONNECTING state for each
/// address; as client libraries do, this one leaves that to the caller.
pub fn connect(url: impl IntoUrl) -> Connect {
    static SHARED: OnceLock<Client> = OnceLock::new();
    SHARED.get_or_init(Client::default).connect(url)
}

/// Settings that many connections share: TLS with its session cache, the resolver, defaults.
///
/// Cheap to clone; the clones are one and the same.
///
/// ```no_run
/// # async fn example() -> Result<(), longwire::Error> {
/// use std::time::Duration;
///
/// let client = longwire::Client::builder()
///     .timeout(Duration::from_secs(3))
///     .header("user-agent", "ticker/1.0")
///     .build();
/// let trades = client.connect("wss://example.com/trades").await?;
/// let books = client.connect("wss://example.com/books").bearer("token").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Client(Arc<Shared>);

#[derive(Default)]
struct Shared {
    options: Options,
    /// Made when the first connection needs it: reading the roots costs more than dialling.
    tls: OnceLock<Connector>,
}

impl Client {
    /// Starts from the defaults.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Connects to a `ws://` or `wss://` URL, like [`connect()`], with the settings of this client.
    pub fn connect(&self, url: impl IntoUrl) -> Connect {
        let (target, headers) = match url.into_destination() {
            Ok(destination) => (Ok(destination.target), destination.headers),
            Err(error) => (Err(error), None),
        };
        let mut connect = Connect {
            client: self.clone(),
            target,
            options: None,
            observer: None,
            way: Dial(()),
        };
        if let Some(headers) = headers {
            connect.options().headers = *headers;
        }
        connect
    }

    /// The connector that all connections of this client share.
    fn connector(&self) -> Result<Connector, Error> {
        if let Some(connector) = self.0.tls.get() {
            return Ok(connector.clone());
        }
        let connector = connect::tls::connector(self.0.options.dialling.tls.as_ref())?;
        // Of two that come here at once, both go on with the one that is kept.
        Ok(self.0.tls.get_or_init(|| connector).clone())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}

/// Makes a [`Client`].
///
/// A setting that cannot be used is reported by each connection of the client, when it is awaited.
#[derive(Debug, Clone, Default)]
pub struct ClientBuilder {
    options: Options,
}

impl ClientBuilder {
    shared_setters!();

    fn options(&mut self) -> &mut Options {
        &mut self.options
    }

    /// The client with these settings.
    pub fn build(self) -> Client {
        Client(Arc::new(Shared {
            options: self.options,
            tls: OnceLock::new(),
        }))
    }
}

/// A connection that is about to be made: options first, then `.await`.
///
/// Whatever cannot be used, the URL or an option, is reported when it is awaited: an error of kind
/// [`Url`](crate::ErrorKind::Url) or [`Config`](crate::ErrorKind::Config) whose text names it.
///
/// # Errors
///
/// When awaited: an [`Error`] whose kind says who is to blame, whose phase says what was under way,
/// and whose [`report`](Error::report) has every address that was tried.
///
/// # Panics
///
/// When awaited: on a tokio runtime without the time and I/O drivers, as tokio does, once there is
/// something to wait for.
///
/// # Cancel safety
///
/// If the future is dropped, the attempt is abandoned and the socket is closed; nothing is left
/// behind, save a look-up of the [`SystemResolver`](crate::SystemResolver) that cannot be cut short.
#[must_use = "nothing happens before it is awaited"]
pub struct Connect<D = Dial> {
    client: Client,
    target: Result<connect::Target, Error>,
    /// Those of this connection alone, if anything was set for it. Elsewhere, because every setter moves
    /// what it is called on.
    options: Option<Box<Options>>,
    observer: Option<Observer>,
    way: D,
}

/// What a [`Connect`] does by default: it dials.
#[derive(Debug)]
pub struct Dial(());

/// What a [`Connect`] does after [`Connect::over`]: it uses the caller's stream.
#[derive(Debug)]
pub struct Over<S>(S);

impl Connect {
    /// Does the opening handshake on a stream that the caller has opened: a Unix socket, a tunnel,
    /// TLS of one's own, a pipe in a test.
    ///
    /// Nothing is dialled and no TLS is done, also if the URL begins with `wss://`; the URL gives
    /// the `Host` field and the resource. TLS settings, a resolver, a proxy or options of sockets
    /// beside it are an error of kind [`Config`](crate::ErrorKind::Config); what a client has for its
    /// other connections does not matter.
    ///
    /// ```no_run
    /// # #[cfg(unix)]
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let socket = tokio::net::UnixStream::connect("/run/feed.sock").await?;
    /// let ws = longwire::connect("ws://localhost/feed").over(socket).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn over<S>(self, stream: S) -> Connect<Over<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Connect {
            client: self.client,
            target: self.target,
            options: self.options,
            observer: self.observer,
            way: Over(stream),
        }
    }
}

impl<D> Connect<D> {
    shared_setters!();

    fn options(&mut self) -> &mut Options {
        let defaults = &self.client.0.options;
        self.options
            .get_or_insert_with(|| Box::new(defaults.for_one_connection()))
    }

    /// Calls `observer` with each control frame that comes in, before it is acted upon: for logs
    /// and measurements. Default: none.
    ///
    /// It is called by whoever polls the connection, and holds it up as long as it runs.
    pub fn on_control(
        mut self,
        observer: impl Fn(ControlFrame<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }
}

/// Judges all settings, and makes the plan of them. `merged` is for the fields where no one has all.
fn plan<'a>(
    target: &'a connect::Target,
    own: Option<&'a Options>,
    defaults: &'a Options,
    merged: &'a mut Option<Box<HeaderMap>>,
) -> Result<Plan<'a>, Error> {
    defaults.check()?;
    let options = own.unwrap_or(defaults);
    if own.is_some() {
        options.check()?;
        if !defaults.headers.is_empty() {
            *merged = Some(Box::new(defaults.headers_and(&options.headers)?));
        }
    }
    let headers = merged.as_deref().unwrap_or(&options.headers);
    if let Some(authorization) = &target.authorization {
        if !headers.contains_key(AUTHORIZATION) {
            let mut headers = Box::new(headers.clone());
            let added = headers.try_insert(AUTHORIZATION, authorization.clone());
            added.map_err(|_| Error::config(options::TOO_MANY))?;
            *merged = Some(headers);
        }
    }
    let offer = Offer {
        headers: merged.as_deref().unwrap_or(&options.headers),
        subprotocols: &options.subprotocols,
        deflate: options.config.deflate.as_ref(),
    };
    offer.check().map_err(Error::config)?;
    Ok(Plan {
        target,
        offer,
        limits: &options.limits,
        cookies: options.cookies.as_ref(),
    })
}

impl IntoFuture for Connect {
    type Output = Result<WsStream, Error>;
    type IntoFuture = Connecting<WsStream>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (client, defaults) = (&self.client, &self.client.0.options);
            let target = match self.target {
                Ok(ref target) => target,
                Err(error) => return Err(error),
            };
            let mut merged = None;
            let plan = plan(target, self.options.as_deref(), defaults, &mut merged)?;
            let nothing = Dialling::default();
            let own = self.options.as_ref().map_or(&nothing, |own| &own.dialling);
            let shared = &defaults.dialling;
            // Settings of this connection alone are judged even where they are not needed.
            let own_tls = own
                .tls
                .as_ref()
                .map(|choice| connect::tls::connector(Some(choice)));
            let own_tls = own_tls.transpose()?;
            let resolver = own.resolver.as_deref().or(shared.resolver.as_deref());
            let means = Means {
                resolver: resolver.unwrap_or(&SystemResolver as &dyn Resolve),
                fixed: &own.fixed_or(shared),
                sockets: own.sockets.clone().or(&shared.sockets),
                tls: &|| own_tls.clone().map_or_else(|| client.connector(), Ok),
                redirects: own.redirects_or(shared),
                proxy: own.proxy.as_ref().or(shared.proxy.as_ref()),
            };
            let opening = connect::dial(&plan, &means);
            let (stream, opened) = trace::connecting(target, opening).await?;
            let options = self.options.as_deref().unwrap_or(defaults);
            open(stream, opened, &options.config, self.observer)
        })
    }
}

impl<S> IntoFuture for Connect<Over<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Output = Result<WsStream<S>, Error>;
    type IntoFuture = Connecting<WsStream<S>>;

    fn into_future(mut self) -> Self::IntoFuture {
        // Small, so that the allocator has the memory at hand.
        Box::pin(async move {
            let defaults = &self.client.0.options;
            let target = match self.target {
                Ok(ref target) => target,
                Err(error) => return Err(error),
            };
            let own = self.options.as_deref();
            let mut merged = None;
            let plan = plan(target, own, defaults, &mut merged)?;
            if let Some(name) = own.and_then(|own| own.dialling.first_set()) {
                let message = format!("{name} cannot be used with over: it does not dial");
                return Err(Error::config(message));
            }
            let opening = connect::over(&plan, &mut self.way.0);
            let opened = trace::connecting(target, opening).await?;
            let options = own.unwrap_or(defaults);
            open(self.way.0, opened, &options.config, self.observer)
        })
    }
}

/// What a [`Connect`] turns into when it is awaited.
pub type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// The one place where `connect` and `stream` meet.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it is large, and would be moved to be wrapped"
)]
fn open<S>(
    stream: S,
    opened: Opened,
    config: &Config,
    observer: Option<Observer>,
) -> Result<WsStream<S>, Error> {
    Ok(WsStream::opened(
        stream,
        opened.read_already,
        config,
        Some(opened.handshake),
        observer,
    ))
}

/// Shows neither user name, password and query of the URL, nor the values of fields.
impl<D> fmt::Debug for Connect<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("target", &self.target)
            .field("client", &self.client)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

const _: () = {
    const fn is_send<T: Send>() {}
    const fn is_send_sync<T: Send + Sync + 'static>() {}
    is_send::<Connect>();
    is_send::<Connect<Over<tokio::io::DuplexStream>>>();
    is_send_sync::<Client>();
    is_send_sync::<ClientBuilder>();
    is_send_sync::<Transport>();
};
