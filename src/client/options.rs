//! What can be said about connections, by a [`Client`](super::Client) for all of its own and by a
//! [`Connect`](super::Connect) for one.

use std::fmt;
use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::dialling::Dialling;
use crate::config::Config;
use crate::connect::Limits;
use crate::connect::proxy::ProxyChoice;
use crate::cookies::CookieStore;
use crate::error::Error;
use crate::handshake::is_single;

#[derive(Clone)]
pub(super) struct Options {
    pub(super) headers: HeaderMap,
    pub(super) subprotocols: Vec<String>,
    pub(super) limits: Limits,
    pub(super) config: Config,
    pub(super) cookies: Option<Arc<dyn CookieStore>>,
    pub(super) dialling: Dialling,
    /// What is wrong with the first setting that is wrong.
    complaint: Option<String>,
}

impl Options {
    /// What one connection starts from: the client's choices, without those that it falls back to
    /// only in the end.
    pub(super) fn for_one_connection(&self) -> Self {
        Self {
            headers: HeaderMap::new(),
            subprotocols: self.subprotocols.clone(),
            limits: self.limits.clone(),
            config: self.config.clone(),
            cookies: self.cookies.clone(),
            dialling: Dialling::default(),
            complaint: self.complaint.clone(),
        }
    }

    pub(super) fn configure(&mut self, set: impl FnOnce(Config) -> Config) {
        self.config = set(std::mem::take(&mut self.config));
    }

    /// Adds a field, or replaces it where there may be only one.
    pub(super) fn add_header(&mut self, name: HeaderName, value: HeaderValue) {
        let added = if is_single(&name) {
            self.headers.try_insert(name, value).map(drop)
        } else {
            self.headers.try_append(name, value).map(drop)
        };
        if added.is_err() {
            self.complain(TOO_MANY.to_owned());
        }
    }

    /// Those of these fields that have other names than `own`, and then `own`.
    pub(super) fn headers_and(&self, own: &HeaderMap) -> Result<HeaderMap, Error> {
        let mut merged = self.headers.clone();
        for name in own.keys() {
            merged.remove(name);
        }
        for (name, value) in own {
            merged
                .try_append(name, value.clone())
                .map_err(|_| Error::config(TOO_MANY))?;
        }
        Ok(merged)
    }

    pub(super) fn complain(&mut self, complaint: String) {
        self.complaint.get_or_insert(complaint);
    }

    /// Judges everything that can be judged here.
    pub(super) fn check(&self) -> Result<(), Error> {
        if let Some(complaint) = &self.complaint {
            return Err(Error::config(complaint.clone()));
        }
        self.limits.check()?;
        self.dialling.check()?;
        self.config.check()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            headers: HeaderMap::new(),
            subprotocols: Vec::new(),
            limits: Limits::default(),
            config: Config::default(),
            cookies: None,
            dialling: Dialling {
                proxy: ProxyChoice::by_default(),
                ..Dialling::default()
            },
            complaint: None,
        }
    }
}

/// More fields than [`HeaderMap`] holds.
pub(super) const TOO_MANY: &str = "header: there are too many fields";

/// Shows the names of the fields, not their values: they may be tokens.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("subprotocols", &self.subprotocols)
            .field("limits", &self.limits)
            .field("config", &self.config)
            .field("cookies", &self.cookies.is_some())
            .field("dialling", &self.dialling)
            .field("complaint", &self.complaint)
            .finish()
    }
}

/// The setters that [`Client`](super::Client)'s builder and [`Connect`](super::Connect) share: both
/// have a method `options`.
macro_rules! shared_setters {
    () => {
        /// Sends a field with the request. A field that is set again is sent again, save
        /// `Authorization`, `Origin` and `User-Agent`, which are replaced.
        ///
        /// `Host`, `Upgrade`, `Connection` and all that begin with `Sec-WebSocket-` belong to the
        /// opening handshake and are refused, as are `Content-Length` and `Transfer-Encoding`. A
        /// field set for one connection replaces those of the same name that its client has.
        pub fn header<V>(mut self, name: impl AsRef<str>, value: V) -> Self
        where
            http::HeaderValue: TryFrom<V>,
        {
            let name = name.as_ref();
            let quoted = name.escape_debug();
            match (
                name.parse::<http::HeaderName>(),
                http::HeaderValue::try_from(value),
            ) {
                (Ok(name), Ok(value)) => self.options().add_header(name, value),
                (Err(_), _) => self
                    .options()
                    .complain(format!("header: \"{quoted}\" is not the name of a field")),
                (_, Err(_)) => self.options().complain(format!(
                    "header {quoted}: its value contains a character that may not stand there"
                )),
            }
            self
        }

        /// Sends `Authorization: Bearer` with this token (RFC 6750 §2.1).
        pub fn bearer(mut self, token: impl AsRef<str>) -> Self {
            match crate::handshake::bearer(token.as_ref()) {
                Ok(value) => self
                    .options()
                    .add_header(http::header::AUTHORIZATION, value),
                Err(why) => self.options().complain(format!("bearer: {why}")),
            }
            self
        }

        /// Sends `Authorization: Basic` with this user name and password (RFC 7617).
        ///
        /// It wins, as does any other `Authorization` that is set, over a user name and password
        /// in the URL.
        pub fn basic(mut self, user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
            match crate::handshake::basic(user.as_ref(), password.as_ref()) {
                Ok(value) => self
                    .options()
                    .add_header(http::header::AUTHORIZATION, value),
                Err(why) => self.options().complain(format!("basic: {why}")),
            }
            self
        }

        /// Sends `Origin`, as a browser does (RFC 6455 §10.2): for servers that check it.
        /// Default: none.
        pub fn origin(mut self, origin: impl AsRef<str>) -> Self {
            match origin.as_ref().parse() {
                Ok(value) => self.options().add_header(http::header::ORIGIN, value),
                Err(_) => self.options().complain(
                    "origin: it contains a character that may not stand there".to_owned(),
                ),
            }
            self
        }

        /// Offers these subprotocols, in order of preference (RFC 6455 §1.9). Default: none.
        ///
        /// The server picks one of them or none:
        /// [`Handshake::subprotocol`](crate::Handshake::subprotocol). If it names another one, the
        /// opening handshake fails. Setting them again replaces them.
        ///
        /// They are names and no place for secrets: errors and `Debug` show them, and redirects take
        /// them along. Some servers want a token here nevertheless.
        pub fn subprotocols<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
            let names = names.into_iter();
            self.options().subprotocols = names.map(|name| name.as_ref().to_owned()).collect();
            self
        }

        /// Takes cookies from this jar for each request, and puts those that come into it.
        /// Default: none.
        ///
        /// A `Cookie` field that is set by [`header`](Self::header) is sent instead of what the jar
        /// has.
        pub fn cookies(mut self, store: impl crate::CookieStore + 'static) -> Self {
            self.options().cookies = Some(std::sync::Arc::new(store));
            self
        }

        /// The deadline over everything from the host name to the end of the opening handshake.
        /// Default: 10 s.
        ///
        /// When it passes, the error is of kind [`Timeout`](crate::ErrorKind::Timeout), and its
        /// phase says what was under way. Less of it gives up on slow networks.
        pub fn timeout(mut self, limit: std::time::Duration) -> Self {
            self.options().limits.set_whole(limit);
            self
        }

        /// Limits one phase of connecting by itself, below the deadline over everything that
        /// [`timeout`](Self::timeout) sets. Default: no phase has a limit of its own.
        ///
        /// The phases are [`Resolve`](crate::Phase::Resolve), [`Connect`](crate::Phase::Connect),
        /// [`Proxy`](crate::Phase::Proxy), [`Tls`](crate::Phase::Tls) and
        /// [`Upgrade`](crate::Phase::Upgrade); the limit of `Connect` is for all addresses together.
        /// Each redirect has its limits anew, and so has each name: a proxy's and the server's.
        /// When it passes, the error is of kind [`Timeout`](crate::ErrorKind::Timeout) with that
        /// phase. Setting a phase again replaces its limit.
        ///
        /// ```no_run
        /// # async fn example() -> Result<(), longwire::Error> {
        /// use std::time::Duration;
        ///
        /// use longwire::Phase;
        ///
        /// let ws = longwire::connect("wss://example.com/feed")
        ///     .timeout(Duration::from_secs(20))
        ///     .phase_timeout(Phase::Resolve, Duration::from_secs(2))
        ///     .await?;
        /// # Ok(())
        /// # }
        /// ```
        pub fn phase_timeout(mut self, phase: crate::Phase, limit: std::time::Duration) -> Self {
            self.options().limits.set_phase(phase, limit);
            self
        }

        /// The largest message that is accepted, in bytes; see
        /// [`Config::max_message_size`](crate::Config::max_message_size). Default: 64 MiB.
        pub fn max_message_size(mut self, bytes: usize) -> Self {
            self.options()
                .configure(|config| config.max_message_size(bytes));
            self
        }

        /// The largest frame that is accepted, in bytes; see
        /// [`Config::max_frame_size`](crate::Config::max_frame_size). Default: 64 MiB.
        pub fn max_frame_size(mut self, bytes: usize) -> Self {
            self.options()
                .configure(|config| config.max_frame_size(bytes));
            self
        }

        /// The largest message that is accepted in parts, in bytes; see
        /// [`Config::max_parts_size`](crate::Config::max_parts_size). Default: no limit.
        pub fn max_parts_size(mut self, bytes: u64) -> Self {
            self.options()
                .configure(|config| config.max_parts_size(bytes));
            self
        }

        /// How many bytes may wait to be written before sending waits; see
        /// [`Config::write_high_water`](crate::Config::write_high_water). Default: 128 KiB.
        pub fn write_high_water(mut self, bytes: usize) -> Self {
            self.options()
                .configure(|config| config.write_high_water(bytes));
            self
        }

        /// Sends messages in frames of at most this many bytes; see
        /// [`Config::fragment_size`](crate::Config::fragment_size). Default: one frame a message.
        pub fn fragment_size(mut self, bytes: usize) -> Self {
            self.options()
                .configure(|config| config.fragment_size(bytes));
            self
        }

        /// How long the closing handshake may take; see
        /// [`Config::close_timeout`](crate::Config::close_timeout). Default: 5 s.
        pub fn close_timeout(mut self, limit: std::time::Duration) -> Self {
            self.options()
                .configure(|config| config.close_timeout(limit));
            self
        }

        /// When a connection counts as dead; see [`Liveness`](crate::Liveness). Default: on, with a
        /// Ping after 20 s without a byte from the server, and an error of kind
        /// [`NoPong`](crate::ErrorKind::NoPong) when nothing comes for 20 s more.
        pub fn liveness(mut self, liveness: crate::Liveness) -> Self {
            self.options().configure(|config| config.liveness(liveness));
            self
        }

        /// Sends no Pings of its own and never calls the server dead; see
        /// [`Config::no_liveness`](crate::Config::no_liveness).
        pub fn no_liveness(mut self) -> Self {
            self.options().configure(|config| config.no_liveness());
            self
        }
    };
}

pub(super) use shared_setters;
