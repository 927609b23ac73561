//! From the text of a URL to what can be dialled (RFC 6455 §3, RFC 3986).
//!
//! The text is read here and not by [`http::Uri`], which drops fragments, takes port 99999 and
//! prints passwords.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderValue;

use super::percent;
use crate::error::{Error, ErrorKind, Phase};
use crate::handshake;

/// A `ws://` or `wss://` URL that can be dialled.
///
/// Shown without user name, password and query: they are secrets.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) secure: bool,
    pub(crate) host: Host,
    pub(crate) port: u16,
    /// The resource name: never empty, always ASCII without white space.
    pub(crate) resource: String,
    /// What the user name and password in the URL become.
    pub(crate) authorization: Option<HeaderValue>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// ASCII, in lower case.
    Name(String),
    Ip(IpAddr),
    /// The absolute path of a Unix socket on this machine.
    Unix(String),
}

impl Target {
    /// Reads the text of a URL.
    ///
    /// # Errors
    ///
    /// Says what is wrong without quoting what may be part of a password.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        read(url).map_err(|why| {
            let message = format!("the URL cannot be used: {why}");
            Error::new(ErrorKind::Url, Phase::Resolve, message)
        })
    }

    /// The value of `Host`: with the port if it is not the default one (RFC 6455 §4.1, item 4).
    pub(crate) fn host_field(&self) -> String {
        if let Host::Unix(_) = self.host {
            // The socket's path says nothing to a server; this is what others send too.
            "localhost".to_owned()
        } else if self.port == default_port(self.secure) {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        let path = self.resource.split('?').next().unwrap_or_default();
        if let Host::Unix(socket) = &self.host {
            return write!(f, "{scheme}+unix://{socket}:{path}");
        }
        write!(f, "{scheme}://{}:{}{path}", self.host, self.port)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) | Self::Unix(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// What is wrong with a URL, without any of it.
pub(super) type Complaint = &'static str;

fn read(url: &str) -> Result<Target, Complaint> {
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it contains white space or a control character; percent-encode it");
    }
    if url.contains('\\') {
        return Err("it contains a backslash; use / or percent-encode it");
    }
    if url.contains('#') {
        return Err("it has a fragment (#), which RFC 6455 §3 forbids; percent-encode a # as %23");
    }
    let (scheme, rest) = scheme(url)?;
    let secure = match scheme {
        Scheme::Ws => false,
        Scheme::Wss => true,
        Scheme::WsUnix => return read_unix(rest),
    };
    let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (userinfo, host_and_port) = match authority.rsplit_once('@') {
        Some((userinfo, host_and_port)) => (Some(userinfo), host_and_port),
        None => (None, authority),
    };
    let (host, port) = split_port(host_and_port)?;
    Ok(Target {
        secure,
        host: read_host(host)?,
        port: read_port(port, secure)?,
        resource: percent::encode_resource(resource)?,
        authorization: userinfo.map_or(Ok(None), read_userinfo)?,
    })
}

enum Scheme {
    Ws,
    Wss,
    WsUnix,
}

fn scheme(url: &str) -> Result<(Scheme, &str), Complaint> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err("it does not begin with ws:// or wss://");
    };
    match scheme.to_ascii_lowercase().as_str() {
        "ws" => Ok((Scheme::Ws, rest)),
        "wss" => Ok((Scheme::Wss, rest)),
        "ws+unix" => Ok((Scheme::WsUnix, rest)),
        "http" => Err("its scheme is http; write ws:// instead"),
        "https" => Err("its scheme is https; write wss:// instead"),
        _ => Err("its scheme is neither ws nor wss"),
    }
}

/// `/path/to.sock:/resource`: what stands behind `ws+unix://`.
fn read_unix(rest: &str) -> Result<Target, Complaint> {
    if !cfg!(unix) {
        return Err("its scheme is ws+unix, and this operating system has no Unix sockets");
    }
    if !rest.starts_with('/') {
        return Err("its socket has no absolute path; write ws+unix:///path/to.sock:/resource");
    }
    let (socket, resource) = rest.split_once(':').unwrap_or((rest, ""));
    if socket.contains('?') {
        return Err("a colon is missing between the path of its socket and the resource");
    }
    let socket = percent::decode(socket)?;
    if socket.contains(char::is_control) {
        return Err("the path of its socket contains a control character");
    }
    Ok(Target {
        secure: false,
        host: Host::Unix(socket),
        port: 0,
        resource: percent::encode_resource(resource)?,
        authorization: None,
    })
}

/// Splits what is in front of the port from the port, which may be empty or missing.
fn split_port(host_and_port: &str) -> Result<(&str, &str), Complaint> {
    if host_and_port.starts_with('[') {
        let Some(end) = host_and_port.find(']') else {
            return Err("its IPv6 address has no closing bracket");
        };
        let (host, rest) = host_and_port.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, port)),
            None if rest.is_empty() => Ok((host, "")),
            None => Err("only a port may follow the closing bracket of an IPv6 address"),
        };
    }
    let (host, port) = host_and_port.split_once(':').unwrap_or((host_and_port, ""));
    if port.contains(':') {
        return Err("it has more than one colon in its host; put an IPv6 address in brackets");
    }
    Ok((host, port))
}

fn read_port(port: &str, secure: bool) -> Result<u16, Complaint> {
    if port.is_empty() {
        return Ok(default_port(secure));
    }
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("its port is not a number");
    }
    match port.parse() {
        Ok(0) => Err("its port is 0, which cannot be dialled"),
        Ok(port) => Ok(port),
        Err(_) => Err("its port is above 65535"),
    }
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

fn read_host(host: &str) -> Result<Host, Complaint> {
    if let Some(address) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        if address.contains('%') {
            return Err("its IPv6 address has a zone, which URLs for WebSockets cannot have");
        }
        return match address.parse::<Ipv6Addr>() {
            Ok(address) => Ok(Host::Ip(address.into())),
            Err(_) => Err("what stands in brackets is not an IPv6 address"),
        };
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Ok(Host::Ip(address.into()));
    }
    if !host.is_ascii() {
        return Err("its host name is not ASCII; pass it in punycode (xn--…)");
    }
    let is_name_char = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !host.bytes().all(is_name_char) {
        return Err("its host name has a character that no host name has");
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.is_empty() {
        return Err("it has no host");
    }
    if name.len() > 253 {
        return Err("its host name is longer than 253 characters");
    }
    if !name.split('.').all(|label| (1..=63).contains(&label.len())) {
        return Err("its host name has a part that is empty or longer than 63 characters");
    }
    // Resolvers read 127.1 or 0x7f.1 as addresses, each in its own way.
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.to_ascii_lowercase().starts_with("0x")
    {
        return Err("its host ends in a number and is not an IPv4 address");
    }
    Ok(Host::Name(host.to_ascii_lowercase()))
}

/// `user:password`, percent-decoded, as the value of `Authorization`; `None` if it is empty.
fn read_userinfo(userinfo: &str) -> Result<Option<HeaderValue>, Complaint> {
    if userinfo.is_empty() {
        return Ok(None);
    }
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    handshake::basic(&percent::decode(user)?, &percent::decode(password)?).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Target {
        Target::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn every_part_of_a_url_is_found() {
        for (url, secure, host, port, host_field, resource) in [
            ("ws://a", false, "a", 80, "a", "/"),
            ("wss://a", true, "a", 443, "a", "/"),
            (
                "WsS://Example.COM/",
                true,
                "example.com",
                443,
                "example.com",
                "/",
            ),
            ("ws://a:80/", false, "a", 80, "a", "/"),
            ("ws://a:443/", false, "a", 443, "a:443", "/"),
            ("wss://a:80", true, "a", 80, "a:80", "/"),
            ("ws://a:/x", false, "a", 80, "a", "/x"),
            ("ws://a:00080", false, "a", 80, "a", "/"),
            ("ws://a:65535", false, "a", 65535, "a:65535", "/"),
            ("ws://a?q", false, "a", 80, "a", "/?q"),
            ("ws://a:1?q=/x?y", false, "a", 1, "a:1", "/?q=/x?y"),
            ("ws://a/b/../c/./d//", false, "a", 80, "a", "/b/../c/./d//"),
            (
                "ws://127.0.0.1:9/",
                false,
                "127.0.0.1",
                9,
                "127.0.0.1:9",
                "/",
            ),
            ("ws://[::1]", false, "[::1]", 80, "[::1]", "/"),
            (
                "wss://[2001:DB8:0:0::1]:1/",
                true,
                "[2001:db8::1]",
                1,
                "[2001:db8::1]:1",
                "/",
            ),
            ("ws://a.b./", false, "a.b.", 80, "a.b.", "/"),
            (
                "ws://a_b.xn--p1ai",
                false,
                "a_b.xn--p1ai",
                80,
                "a_b.xn--p1ai",
                "/",
            ),
            ("ws://a/@x:y", false, "a", 80, "a", "/@x:y"),
            ("ws://u:p@a:1/", false, "a", 1, "a:1", "/"),
            ("ws://@a/", false, "a", 80, "a", "/"),
            (
                "ws://a/caf\u{e9}?q=\u{20ac}",
                false,
                "a",
                80,
                "a",
                "/caf%C3%A9?q=%E2%82%AC",
            ),
        ] {
            let target = parse(url);
            assert_eq!(target.secure, secure, "{url}");
            assert_eq!(target.host.to_string(), host, "{url}");
            assert_eq!(target.port, port, "{url}");
            assert_eq!(target.host_field(), host_field, "{url}");
            assert_eq!(target.resource, resource, "{url}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_socket_has_a_path_and_a_resource() {
        for (url, socket, resource) in [
            ("ws+unix:///run/a.sock", "/run/a.sock", "/"),
            (
                "WS+UNIX:///run/a.sock:/feed?x=1:2",
                "/run/a.sock",
                "/feed?x=1:2",
            ),
            ("ws+unix:///a%3Ab%20c.sock:?x", "/a:b c.sock", "/?x"),
        ] {
            let target = parse(url);
            assert_eq!(target.host, Host::Unix(socket.to_owned()), "{url}");
            assert_eq!(target.resource, resource, "{url}");
            assert_eq!(target.host_field(), "localhost");
            let path = resource.split('?').next().unwrap();
            assert_eq!(target.to_string(), format!("ws+unix://{socket}:{path}"));
        }
        for (url, reason) in [
            ("ws+unix://run/a.sock", "no absolute path"),
            ("ws+unix://", "no absolute path"),
            ("ws+unix:///a.sock?x=1", "colon is missing"),
            ("ws+unix:///a%00b", "control"),
            ("ws+unix:///a%", "%25"),
            ("ws+unix:///a:/b#c", "fragment"),
        ] {
            let error = Target::parse(url).unwrap_err();
            assert!(error.to_string().contains(reason), "{url}: {error}");
        }
    }

    #[test]
    fn what_cannot_be_dialled_is_refused_with_its_reason() {
        let long_label = format!("ws://{}.com", "a".repeat(64));
        let long_name = format!("ws://{}com", "abc.".repeat(63));
        for (url, reason) in [
            ("", "begin with ws://"),
            ("a.com", "begin with ws://"),
            ("//a.com/", "begin with ws://"),
            ("ws:/a.com", "begin with ws://"),
            ("ws:a.com", "begin with ws://"),
            ("http://a", "write ws://"),
            ("HTTPS://a", "write wss://"),
            ("file:///etc", "neither ws nor wss"),
            ("://a", "neither ws nor wss"),
            ("ws://", "no host"),
            ("ws:///x", "no host"),
            ("ws://:80", "no host"),
            ("ws://u@/", "no host"),
            ("ws://.", "no host"),
            ("ws://?q", "no host"),
            ("ws://a#", "fragment"),
            ("ws://a/#b", "fragment"),
            ("ws://a?b#c", "fragment"),
            ("ws://a:0", "port is 0"),
            ("ws://a:65536", "above 65535"),
            ("ws://a:99999999999999999999", "above 65535"),
            ("ws://a:+80", "not a number"),
            ("ws://a:-1", "not a number"),
            ("ws://a:8o", "not a number"),
            ("ws://::1/", "in brackets"),
            ("ws://a:1:2/", "in brackets"),
            ("ws://[::1", "closing bracket"),
            ("ws://[::1]x", "closing bracket"),
            ("ws://[::1]]:80", "closing bracket"),
            ("ws://[]", "not an IPv6"),
            ("ws://[127.0.0.1]", "not an IPv6"),
            ("ws://[::g]", "not an IPv6"),
            ("ws://[fe80::1%eth0]", "zone"),
            ("ws://[fe80::1%25eth0]", "zone"),
            ("ws://b\u{fc}cher.example", "punycode"),
            ("ws://a%41", "no host name has"),
            ("ws://a b", "white space"),
            (" ws://a", "white space"),
            ("ws://a\n", "white space"),
            ("ws://a/x\r\nX: y", "control"),
            ("ws://a/\0", "control"),
            ("ws://a/\u{7f}", "control"),
            ("ws://a/\u{a0}", "white space"),
            ("ws:\\\\a", "backslash"),
            ("ws://a\\@b", "backslash"),
            ("ws://a/x\\y", "backslash"),
            ("ws://a..b", "part that is empty"),
            ("ws://.a", "part that is empty"),
            ("ws://a..", "part that is empty"),
            ("ws://a,b", "no host name has"),
            ("ws://a<b", "no host name has"),
            ("ws://127.1", "ends in a number"),
            ("ws://1", "ends in a number"),
            ("ws://256.0.0.1", "ends in a number"),
            ("ws://127.0.0.1.", "ends in a number"),
            ("ws://a.0x7f", "ends in a number"),
            ("ws://a/%", "%25"),
            ("ws://a/%4", "%25"),
            ("ws://a?q=%zz", "%25"),
            ("ws://u:50%@a", "%25"),
            ("ws://u%00:p@a", "control"),
            ("ws://u%3Av:p@a", "colon"),
            ("ws://u:%ff@a", "not UTF-8"),
            (&long_label, "63 characters"),
            (&long_name, "253 characters"),
        ] {
            let Err(error) = Target::parse(url) else {
                panic!("{url:?} was taken");
            };
            assert_eq!(error.kind(), ErrorKind::Url, "{url:?}");
            assert!(error.to_string().contains(reason), "{url:?}: {error}");
        }
    }

    #[test]
    fn whatever_the_text_what_goes_into_the_request_is_one_word() {
        let pieces = [
            "ws",
            "wss",
            "://",
            "/",
            "?",
            "#",
            "@",
            ":",
            "[",
            "]",
            "%",
            "%4",
            "%41",
            ".",
            "a",
            "A-b",
            "::1",
            "127.0.0.1",
            "65535",
            "0",
            "\r\n",
            " ",
            "\0",
            "\u{e9}",
            "\u{ff0f}",
            "\u{2028}",
            "\\",
            "\"",
            "xn--p1ai",
            "_",
            "&x=y",
        ];
        let mut state = 1_u64;
        let mut random = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(state >> 33).unwrap() % below
        };
        let mut accepted = 0;
        for _ in 0..50_000 {
            let mut url = "ws://a".to_owned();
            for _ in 0..random(6) {
                url.push_str(pieces[random(pieces.len())]);
            }
            if let Ok(target) = Target::parse(&url) {
                accepted += 1;
                for word in [target.host_field(), target.resource] {
                    assert!(
                        word.bytes().all(|byte| byte.is_ascii_graphic()),
                        "{url:?}: {word}"
                    );
                    assert!(!word.is_empty());
                }
            }
        }
        assert!(accepted > 10_000, "{accepted}");
    }

    #[test]
    fn user_and_password_become_basic_authorization() {
        let authorization = |url| {
            parse(url)
                .authorization
                .map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(
            authorization("ws://Aladdin:open%20sesame@a").as_deref(),
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        );
        // user:, then u@:p@:
        assert_eq!(
            authorization("ws://user@a").as_deref(),
            Some("Basic dXNlcjo=")
        );
        assert_eq!(
            authorization("ws://u@:p@:@a").as_deref(),
            Some("Basic dUA6cEA6")
        );
        assert_eq!(authorization("ws://@a"), None);
        assert_eq!(authorization("ws://a/@"), None);
    }

    #[test]
    fn secrets_are_never_shown() {
        let target = parse("wss://us3r:s3cret@a.com/path?token=t0ken");
        assert_eq!(target.to_string(), "wss://a.com:443/path");
        assert_eq!(format!("{target:?}"), "wss://a.com:443/path");
        for url in [
            "ws://us3r:s3cret@a.com:99999",
            "ws://us3r:s3cret@a b",
            "ws://us3r:s3cret/x@a",
            "ws://us3r:s3cret?x@a",
            "ws://us3r:s3cret%@a",
            "ws://us3r:s3cret#@a",
            "ws://us3r:s3cret@b\u{fc}cher",
            "us3r:s3cret@a",
            "s3cret://a",
            "ws://a?token=s3cret%",
        ] {
            let error = Target::parse(url).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                !shown.contains("s3cret") && !shown.contains("us3r"),
                "{shown}"
            );
        }
    }
}
