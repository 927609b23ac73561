//! From the text of a URL to what can be dialled (RFC 6455 §3, RFC 3986).
//!
//! The text is read here and not by [`http::Uri`], which drops fragments, takes port 99999 and
//! prints passwords.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
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

    /// The URL without user name, password and query.
    pub(crate) fn shown(&self) -> String {
        let scheme = if self.secure { "wss" } else { "ws" };
        let (path, _) = split_once(&self.resource, b'?').unwrap_or((&self.resource, ""));
        let mut shown = String::with_capacity(SCHEME_AND_PORT + path.len());
        shown.push_str(scheme);
        if let Host::Unix(socket) = &self.host {
            shown.extend(["+unix://", socket, ":", path]);
            return shown;
        }
        shown.push_str("://");
        self.host.push_to(&mut shown);
        push_port(&mut shown, self.port);
        shown.push_str(path);
        shown
    }

    /// The value of `Host`: with the port if it is not the default one (RFC 6455 §4.1, item 4).
    pub(crate) fn host_field(&self) -> Cow<'_, str> {
        let with_port = self.port != default_port(self.secure);
        match &self.host {
            // The socket's path says nothing to a server; this is what others send too.
            Host::Unix(_) => "localhost".into(),
            Host::Name(name) if !with_port => name.into(),
            host => {
                let mut field = String::with_capacity(SCHEME_AND_PORT);
                host.push_to(&mut field);
                if with_port {
                    push_port(&mut field, self.port);
                }
                field.into()
            }
        }
    }
}

/// Room for `wss://`, a port and a short host.
const SCHEME_AND_PORT: usize = 32;

fn push_port(text: &mut String, port: u16) {
    text.push_str(match port {
        80 => ":80",
        443 => ":443",
        _ => return text.extend([":", &port.to_string()]),
    });
}

impl Host {
    fn push_to(&self, text: &mut String) {
        match self {
            Self::Name(name) | Self::Unix(name) => text.push_str(name),
            Self::Ip(IpAddr::V4(address)) => text.push_str(&address.to_string()),
            Self::Ip(IpAddr::V6(address)) => text.extend(["[", &address.to_string(), "]"]),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.push_to(&mut text);
        f.write_str(&text)
    }
}

/// What is wrong with a URL, without any of it.
pub(super) type Complaint = &'static str;

fn read(url: &str) -> Result<Target, Complaint> {
    check_characters(url)?;
    let (scheme, rest) = scheme(url)?;
    let secure = match scheme {
        Scheme::Ws => false,
        Scheme::Wss => true,
        Scheme::WsUnix => return read_unix(rest),
    };
    // Bytes are looked for one by one: what is searched is shorter than what a fast search begins with.
    let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?'));
    let (authority, resource) = rest.split_at(end.unwrap_or(rest.len()));
    let (userinfo, host_and_port) = match authority.bytes().rposition(|byte| byte == b'@') {
        Some(at) => (Some(&authority[..at]), &authority[at + 1..]),
        None => (None, authority),
    };
    let (host, port) = split_port(host_and_port)?;
    Ok(Target {
        secure,
        host: read_host(host)?,
        port: read_port(port)?.unwrap_or_else(|| default_port(secure)),
        resource: percent::encode_resource(resource)?,
        authorization: userinfo.map_or(Ok(None), read_userinfo)?,
    })
}

/// What may not stand anywhere in a URL.
fn check_characters(url: &str) -> Result<(), Complaint> {
    let is_usual = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#');
    if url.bytes().all(is_usual) {
        return Ok(());
    }
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it contains white space or a control character; percent-encode it");
    }
    if url.contains('\\') {
        return Err("it contains a backslash; use / or percent-encode it");
    }
    if url.contains('#') {
        return Err("it has a fragment (#), which RFC 6455 §3 forbids; percent-encode a # as %23");
    }
    Ok(())
}

/// What stands in front of the first such byte and behind it.
fn split_once(text: &str, ascii: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == ascii)?;
    Some((&text[..at], &text[at + 1..]))
}

enum Scheme {
    Ws,
    Wss,
    WsUnix,
}

fn scheme(url: &str) -> Result<(Scheme, &str), Complaint> {
    let split = split_once(url, b':');
    let split = split.and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//")?)));
    let Some((scheme, rest)) = split else {
        return Err("it does not begin with ws:// or wss://");
    };
    let is = |name| scheme.eq_ignore_ascii_case(name);
    if is("ws") {
        Ok((Scheme::Ws, rest))
    } else if is("wss") {
        Ok((Scheme::Wss, rest))
    } else if is("ws+unix") {
        Ok((Scheme::WsUnix, rest))
    } else if is("http") {
        Err("its scheme is http; write ws:// instead")
    } else if is("https") {
        Err("its scheme is https; write wss:// instead")
    } else {
        Err("its scheme is neither ws nor wss")
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
pub(super) fn split_port(host_and_port: &str) -> Result<(&str, &str), Complaint> {
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
    let (host, port) = split_once(host_and_port, b':').unwrap_or((host_and_port, ""));
    if port.bytes().any(|byte| byte == b':') {
        return Err("it has more than one colon in its host; put an IPv6 address in brackets");
    }
    Ok((host, port))
}

pub(super) fn read_port(port: &str) -> Result<Option<u16>, Complaint> {
    if port.is_empty() {
        return Ok(None);
    }
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("its port is not a number");
    }
    match port.parse() {
        Ok(0) => Err("its port is 0, which cannot be dialled"),
        Ok(port) => Ok(Some(port)),
        Err(_) => Err("its port is above 65535"),
    }
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

pub(super) fn read_host(host: &str) -> Result<Host, Complaint> {
    if is_usual_name(host) {
        return Ok(Host::Name(host.to_owned()));
    }
    judge_host(host)
}

fn judge_host(host: &str) -> Result<Host, Complaint> {
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
    if host.ends_with(|last: char| last.is_ascii_digit()) {
        if let Ok(address) = host.parse::<Ipv4Addr>() {
            return Ok(Host::Ip(address.into()));
        }
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
    let mut labels = name.as_bytes().split(|&byte| byte == b'.');
    if !labels.all(|label| (1..=63).contains(&label.len())) {
        return Err("its host name has a part that is empty or longer than 63 characters");
    }
    // Resolvers read 127.1 or 0x7f.1 as addresses, each in its own way.
    let mut from_the_last = name.as_bytes().rsplit(|&byte| byte == b'.');
    let last = from_the_last.next().unwrap_or_default();
    let is_hex = matches!(last, [b'0', b'x' | b'X', ..]);
    if is_hex || last.iter().all(u8::is_ascii_digit) {
        return Err("its host ends in a number and is not an IPv4 address");
    }
    Ok(Host::Name(host.to_ascii_lowercase()))
}

/// Whether it is nothing but a name, as nearly all hosts are: labels of letters in lower case, digits and
/// hyphens, of which the last begins with a letter.
fn is_usual_name(host: &str) -> bool {
    let mut label = 0;
    let mut begins_with_letter = false;
    for byte in host.bytes() {
        let is_letter = byte.is_ascii_lowercase();
        if byte == b'.' {
            if label == 0 {
                return false;
            }
            label = 0;
        } else if is_letter || byte.is_ascii_digit() || byte == b'-' {
            if label == 0 {
                begins_with_letter = is_letter;
            }
            label += 1;
            if label > 63 {
                return false;
            }
        } else {
            return false;
        }
    }
    label > 0 && begins_with_letter && host.len() <= 253
}

/// `user:password`, percent-decoded, as the value of `Authorization`; `None` if it is empty.
fn read_userinfo(userinfo: &str) -> Result<Option<HeaderValue>, Complaint> {
    if userinfo.is_empty() {
        return Ok(None);
    }
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    handshake::basic(&percent::decode(user)?, &percent::decode(password)?).map(Some)
}
