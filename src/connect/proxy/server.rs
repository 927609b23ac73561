//! From the URL of a proxy to what can be dialled.

use std::fmt;

use crate::connect::percent;
use crate::connect::target::{Complaint, Host, read_host, read_port, split_port};

/// A proxy that can be dialled. Shown without user name and password.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) scheme: Scheme,
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) credentials: Option<Credentials>,
    /// The variable of the environment that names it.
    pub(super) variable: Option<&'static str>,
}

/// How to talk to a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    /// `CONNECT` inside TLS.
    Https,
    /// Gets an IPv4 address that is resolved here.
    Socks4,
    /// Gets the name.
    Socks4a,
    /// Gets an address that is resolved here.
    Socks5,
    /// Gets the name.
    Socks5h,
}

/// A user name and a password, or only the name with an empty password. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

impl Server {
    /// Reads `scheme://user:password@host:port`; without a scheme it is `http`, as in the variables
    /// of the environment.
    ///
    /// What it complains about is never quoted: it may be part of a password.
    pub(super) fn read(url: &str) -> Result<Self, Complaint> {
        let url = url.trim();
        if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("it contains white space or a control character; percent-encode it");
        }
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (Scheme::read(scheme)?, rest),
            None => (Scheme::Http, url),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if path.contains('@') {
            return Err("percent-encode /, ? and # in its user name and password");
        }
        if !matches!(path, "" | "/") {
            return Err("something stands behind its host and port; a proxy has no path");
        }
        let (userinfo, host_and_port) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (host, port) = split_port(host_and_port)?;
        Ok(Self {
            scheme,
            host: read_host(host)?,
            port: read_port(port)?.unwrap_or_else(|| scheme.default_port()),
            credentials: Credentials::read(userinfo)?,
            variable: None,
        })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.name();
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Scheme {
    fn read(text: &str) -> Result<Self, Complaint> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "http" => Self::Http,
            "https" => Self::Https,
            "socks4" => Self::Socks4,
            "socks4a" => Self::Socks4a,
            "socks5" => Self::Socks5,
            "socks5h" => Self::Socks5h,
            "socks" => return Err("its scheme is socks; write socks5h:// or another version"),
            _ => {
                return Err(
                    "its scheme is none of http, https, socks4, socks4a, socks5 and socks5h",
                );
            }
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks4 => "socks4",
            Self::Socks4a => "socks4a",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    /// Whether the proxy wants an address and not a name.
    pub(super) fn resolves_here(self) -> bool {
        matches!(self, Self::Socks4 | Self::Socks5)
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks4 | Self::Socks4a | Self::Socks5 | Self::Socks5h => 1080,
        }
    }
}

impl Credentials {
    /// `user:password`, percent-decoded; `None` if there is neither.
    fn read(userinfo: &str) -> Result<Option<Self>, Complaint> {
        if userinfo.is_empty() {
            return Ok(None);
        }
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        Ok(Some(Self {
            user: percent::decode(user)?,
            password: percent::decode(password)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_proxys_url_is_found() {
        for (url, shown, user, password) in [
            ("http://proxy:3128", "http://proxy:3128", "", ""),
            (
                "HTTP://Proxy.Example:3128/",
                "http://proxy.example:3128",
                "",
                "",
            ),
            ("  proxy:3128\n", "http://proxy:3128", "", ""),
            ("proxy", "http://proxy:80", "", ""),
            ("u:p@proxy:3128", "http://proxy:3128", "u", "p"),
            ("https://proxy", "https://proxy:443", "", ""),
            ("socks4://1.2.3.4", "socks4://1.2.3.4:1080", "", ""),
            ("socks4a://me@proxy", "socks4a://proxy:1080", "me", ""),
            ("socks5://[::1]:9", "socks5://[::1]:9", "", ""),
            ("socks5h://u:p@proxy:", "socks5h://proxy:1080", "u", "p"),
            (
                "http://u%40x:p%3a%20%25%2F@proxy",
                "http://proxy:80",
                "u@x",
                "p: %/",
            ),
            ("http://u:p@x:y@proxy:1", "http://proxy:1", "u", "p@x:y"),
            ("http://:p@proxy:1", "http://proxy:1", "", "p"),
        ] {
            let server = Server::read(url).unwrap_or_else(|why| panic!("{url}: {why}"));
            assert_eq!(server.to_string(), shown, "{url}");
            assert_eq!(format!("{server:?}"), shown, "{url}");
            let credentials = server.credentials;
            assert_eq!(credentials.is_some(), url.contains('@'), "{url}");
            if let Some(credentials) = credentials {
                assert_eq!(credentials.user, user, "{url}");
                assert_eq!(credentials.password, password, "{url}");
            }
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_with_its_reason() {
        for (url, reason) in [
            ("", "no host"),
            ("http://", "no host"),
            ("http://:3128", "no host"),
            ("http://u:s3cret@", "no host"),
            ("ftp://proxy", "none of http"),
            ("socks://proxy", "socks5h://"),
            ("ws://proxy", "none of http"),
            ("http://proxy/path", "no path"),
            ("http://proxy:1?x", "no path"),
            ("http://u:s3#cret@proxy:1", "percent-encode"),
            ("http://u:s3/cret@proxy:1", "percent-encode"),
            ("http://u:s3 cret@proxy:1", "white space"),
            ("http://u:s3%cret@proxy:1", "%25"),
            ("http://u:s3cret%ff@proxy:1", "not UTF-8"),
            ("http://proxy:0", "port is 0"),
            ("http://proxy:65536", "above 65535"),
            ("http://proxy:s3cret", "not a number"),
            ("http://::1:3128", "in brackets"),
            ("http://[fe80::1%25eth0]:3128", "zone"),
            ("http://pro\u{ff}y:1", "punycode"),
            ("http://a..b:1", "part that is empty"),
        ] {
            let Err(why) = Server::read(url) else {
                panic!("{url} was taken");
            };
            assert!(why.contains(reason), "{url}: {why}");
        }
    }
}
