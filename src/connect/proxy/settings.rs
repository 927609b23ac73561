//! What a user may say about a proxy.

use std::env;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::environment;
use super::route::Route;
use super::server::{Credentials, Scheme, Server};
use crate::connect::Target;
use crate::connect::target::{Complaint, Host};
use crate::connect::tls::{self, Connector, TlsChoice};
use crate::error::Error;

/// A proxy through which connections go: HTTP `CONNECT`, the same inside TLS, or SOCKS.
///
/// | URL | port | what the proxy gets |
/// |---|---|---|
/// | `http://` | 80 | `CONNECT` with the host name (RFC 9110 §9.3.6) |
/// | `https://` | 443 | the same, inside TLS with a certificate for the proxy |
/// | `socks5://` | 1080 | the address, resolved here (RFC 1928) |
/// | `socks5h://` | 1080 | the host name |
/// | `socks4://` | 1080 | the IPv4 address, resolved here |
/// | `socks4a://` | 1080 | the host name |
///
/// The port may be given, and a user name and a password, percent-encoded: Basic authentication for
/// HTTP (RFC 7617), RFC 1929 for SOCKS5, a user name alone for SOCKS4. They are sent to the proxy
/// only, and never shown.
///
/// A proxy that was chosen is used, or connecting fails: with an error of kind
/// [`Proxy`](crate::ErrorKind::Proxy) if it refuses or breaks the rules. If it answered `CONNECT`
/// with a refusal, that is the error's [`response`](Error::response).
///
/// What cannot be used is reported when the connection is made, by an error of kind
/// [`Config`](crate::ErrorKind::Config) that names the setting.
///
/// ```no_run
/// # async fn example() -> Result<(), longwire::Error> {
/// use longwire::Proxy;
///
/// let proxy = Proxy::new("http://proxy.internal:3128").basic("user", "password");
/// let ws = longwire::connect("wss://example.com/feed").proxy(proxy).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Proxy {
    source: Source,
    /// They win over those of the URL.
    credentials: Option<Credentials>,
    fields: HeaderMap,
    tls: Arc<TlsToProxy>,
    /// What is wrong with the first setting that is wrong.
    complaint: Option<String>,
}

#[derive(Debug, Clone)]
enum Source {
    Environment,
    Url(Result<Server, Complaint>),
}

/// TLS to the proxy itself. The clones of a [`Proxy`] share it.
#[derive(Default)]
pub(super) struct TlsToProxy {
    pub(super) choice: Option<TlsChoice>,
    /// Made when the first connection needs it.
    connector: OnceLock<Connector>,
}

impl Proxy {
    /// The proxy with this URL: `scheme://user:password@host:port`, where only the host is required.
    /// Without a scheme it is `http`.
    pub fn new(url: impl AsRef<str>) -> Self {
        Self::from_source(Source::Url(Server::read(url.as_ref())))
    }

    /// The proxy that the environment names for each connection, if it names one: the default.
    ///
    /// For `wss://` it is the first of `https_proxy`, `HTTPS_PROXY`, `all_proxy` and `ALL_PROXY` that
    /// is set, for `ws://` the first of `http_proxy`, `HTTP_PROXY`, `all_proxy` and `ALL_PROXY`. An
    /// empty one means that there is none; one that cannot be used is an error. `HTTP_PROXY` does not
    /// count where `REQUEST_METHOD` is set too, because under CGI it may be anybody's.
    ///
    /// `no_proxy`, or else `NO_PROXY`, lists what is reached without a proxy, between commas: host
    /// names, which stand for all names below them too (`example.com`, `.example.com` and
    /// `*.example.com` are the same), addresses, networks (`10.0.0.0/8`), each name or address with a
    /// port if it is for that port only, and `*` for everything. Nothing else is excepted, this
    /// machine neither.
    ///
    /// The environment is read when a connection is made.
    pub fn from_env() -> Self {
        Self::from_source(Source::Environment)
    }

    fn from_source(source: Source) -> Self {
        Self {
            source,
            credentials: None,
            fields: HeaderMap::new(),
            tls: Arc::default(),
            complaint: None,
        }
    }

    /// Authenticates by this user name and password. They win over those in the URL.
    ///
    /// SOCKS4 has no passwords: it takes an empty one only.
    pub fn basic(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some(Credentials {
            user: user.into(),
            password: password.into(),
        });
        self
    }

    /// Sends a field with `CONNECT`, such as `User-Agent` or a `Proxy-Authorization` of another
    /// scheme, which wins over [`basic`](Self::basic). Set again, it is replaced. Default: none.
    ///
    /// The proxy alone gets it. SOCKS has no fields: there it is not used.
    pub fn header<V>(mut self, name: impl AsRef<str>, value: V) -> Self
    where
        HeaderValue: TryFrom<V>,
    {
        let name = name.as_ref();
        let complaint = match (name.parse::<HeaderName>(), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => match super::http::is_reserved(&name) {
                Some(why) => format!("{name} cannot be set: {why}"),
                None if self.fields.try_insert(name, value).is_ok() => return self,
                None => "there are too many fields".to_owned(),
            },
            (Err(_), _) => format!("\"{}\" is not the name of a field", name.escape_debug()),
            (_, Err(_)) => format!(
                "the value of {} contains a character that may not stand there",
                name.escape_debug()
            ),
        };
        let complaint = format!("proxy: header: {complaint}");
        self.complaint.get_or_insert(complaint);
        self
    }

    #[cfg_attr(
        not(feature = "__tls"),
        expect(dead_code, reason = "without TLS there is nothing to set")
    )]
    pub(super) fn with_tls(mut self, choice: TlsChoice) -> Self {
        self.tls = Arc::new(TlsToProxy {
            choice: Some(choice),
            connector: OnceLock::new(),
        });
        self
    }

    /// The way to the target through the proxy; `None` if the environment names none for it.
    pub(in crate::connect) fn route(&self, target: &Target) -> Result<Option<Route>, Error> {
        self.check()?;
        let server = match &self.source {
            Source::Url(Ok(server)) => server.clone(),
            Source::Url(Err(why)) => return Err(bad_url(why)),
            // What is on this machine needs no proxy to be reached.
            Source::Environment if matches!(target.host, Host::Unix(_)) => return Ok(None),
            Source::Environment => {
                match environment::proxy_for(target, |name| env::var_os(name))? {
                    Some(server) => server,
                    None => return Ok(None),
                }
            }
        };
        let tls = match server.scheme {
            Scheme::Https => Some(self.tls.connector()?),
            _ => None,
        };
        let credentials = self.credentials.clone();
        Route::new(server, credentials, self.fields.clone(), tls, target).map(Some)
    }

    fn check(&self) -> Result<(), Error> {
        match &self.complaint {
            Some(complaint) => Err(Error::config(complaint.clone())),
            None => Ok(()),
        }
    }
}

fn bad_url(why: Complaint) -> Error {
    Error::config(format!("proxy: the URL cannot be used: {why}"))
}

/// As [`Proxy::new`], for who wants to know at once whether the URL can be used.
impl FromStr for Proxy {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        let server = Server::read(url).map_err(bad_url)?;
        Ok(Self::from_source(Source::Url(Ok(server))))
    }
}

/// Shows no user name, no password and no values of fields.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("source", &self.source)
            .field("headers", &self.fields.keys().collect::<Vec<_>>())
            .field("tls", &self.tls.choice)
            .field("complaint", &self.complaint)
            .finish_non_exhaustive()
    }
}

impl TlsToProxy {
    fn connector(&self) -> Result<Connector, Error> {
        if let Some(connector) = self.connector.get() {
            return Ok(connector.clone());
        }
        let connector = tls::connector(self.choice.as_ref())?;
        // Of two that come here at once, both go on with the one that is kept.
        Ok(self.connector.get_or_init(|| connector).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_bad_setting_is_reported_by_name_and_without_its_value() {
        let base = || Proxy::new("http://proxy:1");
        let long = "s3cret".repeat(50);
        for (proxy, named) in [
            (Proxy::new("http://u:s3cret@p:port"), "proxy: the URL"),
            (base().header("bad name", "s3cret"), "bad name"),
            (base().header("x-a", "s3cret\r\nX: y"), "x-a"),
            (base().header("Host", "s3cret"), "host"),
            (base().header("Content-Length", 3), "content-length"),
            (base().basic("u:s3cret", ""), "colon"),
            (base().basic("u", "s3cret\n"), "control"),
            (Proxy::new("http://u%3As3cret:p@proxy"), "colon"),
            (
                Proxy::new("socks5://proxy").basic("", "s3cret"),
                "empty user name",
            ),
            (Proxy::new("socks5://proxy").basic("u", &long), "255"),
            (Proxy::new("socks5h://proxy").basic(&long, ""), "255"),
            (Proxy::new("socks4a://u:s3cret@proxy"), "no passwords"),
            (Proxy::new("socks4://proxy").basic("s3cret\0", ""), "zero"),
        ] {
            let target = Target::parse("ws://a").unwrap();
            let Err(error) = proxy.route(&target) else {
                panic!("{proxy:?} was taken");
            };
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
            let shown = format!("{error} {error:?} {proxy:?}");
            assert!(shown.contains(named), "{shown}");
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }

    #[test]
    fn a_url_is_judged_at_once_when_it_is_parsed() {
        assert!("socks5h://u:p@proxy".parse::<Proxy>().is_ok());
        let error = "ftp://u:s3cret@proxy".parse::<Proxy>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!error.to_string().contains("s3cret"));
    }

    #[test]
    fn debug_shows_no_secrets() {
        let proxy = Proxy::new("http://us3r:s3cret@proxy:1")
            .basic("us3r", "s3cret")
            .header("x-token", "s3cret");
        let shown = format!("{proxy:?}");
        assert!(
            !shown.contains("s3cret") && !shown.contains("us3r"),
            "{shown}"
        );
        assert!(
            shown.contains("http://proxy:1") && shown.contains("x-token"),
            "{shown}"
        );
    }
}
