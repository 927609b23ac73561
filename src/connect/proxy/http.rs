//! `CONNECT`, by which an HTTP proxy opens a way to the target (RFC 9110 §9.3.6).

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::time::Instant;

use super::server::Credentials;
use super::{Destination, fault, lost};
use crate::connect::secrets::Secrets;
use crate::connect::upgrade::{READ_SIZE, read_body, send};
use crate::error::{Error, ErrorKind, HandshakeError, Phase, quotable, reason};
use crate::handshake::basic;
use crate::handshake::http1::{HeadReader, is_tls};
use crate::handshake::request::in_capitals;

/// The fields of a `CONNECT` beside `Host`, or why they may not be sent.
pub(super) fn fields(
    credentials: Option<&Credentials>,
    mut fields: HeaderMap,
) -> Result<HeaderMap, &'static str> {
    if let Some(Credentials { user, password }) = credentials {
        if !fields.contains_key(PROXY_AUTHORIZATION) {
            let value = basic(user, password)?;
            let added = fields.try_insert(PROXY_AUTHORIZATION, value);
            added.map_err(|_| "there are too many fields")?;
        }
    }
    Ok(fields)
}

/// Why a field may not be set by the caller, if it may not.
pub(super) fn is_reserved(name: &HeaderName) -> Option<&'static str> {
    match name.as_str() {
        "host" => Some("it is taken from the URL"),
        "connection" | "upgrade" => {
            Some("it is about the proxy's connection and not for the caller")
        }
        "content-length" | "transfer-encoding" => Some("a CONNECT has no body"),
        _ => None,
    }
}

/// The whole request.
pub(super) fn encode(destination: &Destination<'_>, fields: &HeaderMap) -> Vec<u8> {
    // With its port whatever it is, and an IPv6 address in brackets (RFC 9112 §3.2.3).
    let authority = match destination {
        Destination::Name(name, port) => format!("{name}:{port}"),
        Destination::Address(address) => address.to_string(),
    };
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    for (name, value) in fields {
        request.extend([&in_capitals(name), &b": "[..], value.as_bytes(), b"\r\n"].concat());
    }
    request.extend(b"\r\n");
    request
}

/// Sends the request that [`encode`] has written, and waits for the answer; of a refusal, for its
/// body too, for a second at most and not longer than to the deadline. `hint` is for who gets no answer.
pub(super) async fn open<S>(
    stream: &mut S,
    request: &[u8],
    fields: &HeaderMap,
    hint: &str,
    deadline: Option<Instant>,
) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // A proxy may refuse and close before it has read all of the request: its answer counts.
    let mut unsent = send(stream, request).await.err();

    let mut reader = HeadReader::default();
    let mut buffer = Vec::new();
    let mut received = 0;
    let head = loop {
        buffer.reserve(READ_SIZE);
        match stream.read_buf(&mut buffer).await {
            Ok(length @ 1..) => received += length,
            ended => {
                let error = unsent.take().or_else(|| ended.err());
                return Err(match received {
                    0 => lost(error, &format!("before it answered CONNECT{hint}")),
                    _ => lost(error, "in the middle of its answer to CONNECT"),
                });
            }
        }
        if is_tls(&buffer) {
            return Err(fault("it speaks TLS: write https:// in its URL"));
        }
        if let Some(head) = reader
            .read_final(&mut buffer, |head| Ok(head.keep().to_response()))
            .map_err(|fault| bad_head(fault, fields))?
        {
            break head;
        }
    };
    if head.status().is_success() {
        // Content-Length and Transfer-Encoding mean nothing here (RFC 9112 §6.3), and the target
        // has no reason to speak before it is spoken to.
        if buffer.is_empty() {
            return Ok(());
        }
        let status = head.status().as_u16();
        let count = buffer.len();
        return Err(fault(format!(
            "{count} bytes came behind its answer of {status} to CONNECT, before anything was sent \
             through the tunnel"
        )));
    }
    let left = deadline.map_or(Duration::MAX, |deadline| {
        deadline.saturating_duration_since(Instant::now())
    });
    let body = read_body(stream, &head, buffer, left).await;
    Err(refusal(head.map(|()| body), fields))
}

fn bad_head(error: HandshakeError, fields: &HeaderMap) -> Error {
    let error = error.map(|text| Secrets::of(fields, "").hide_in(text));
    let message = format!("its answer to CONNECT cannot be used: {}", error.reason());
    fault(message).with_source(error)
}

/// A refusal in one line: the status, what the proxy wants if it wants credentials, and the
/// beginning of its reason.
fn refusal(response: Response<Bytes>, fields: &HeaderMap) -> Error {
    let secrets = Secrets::of(fields, "");
    let status = response.status();
    let mut message = format!("it refused the tunnel with {status}");
    // Some proxies say 401 where RFC 9110 §15.5.8 wants 407.
    if matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED
    ) {
        message.push_str(if fields.contains_key(PROXY_AUTHORIZATION) {
            "; it does not accept the credentials that were sent"
        } else {
            "; it wants credentials and none are set"
        });
        let wanted = [PROXY_AUTHENTICATE, WWW_AUTHENTICATE];
        let wanted = wanted.map(|name| response.headers().get_all(name));
        let wanted = wanted.iter().flatten().map(HeaderValue::as_bytes);
        let wanted = wanted.collect::<Vec<_>>().join(&b", "[..]);
        if !wanted.is_empty() {
            let _ = write!(message, " ({})", quotable(&secrets.hide(&wanted)));
        }
    }
    let reason = reason(response.body(), |text| secrets.hide(text));
    if !reason.is_empty() {
        let _ = write!(message, ": {reason}");
    }
    Error::new(ErrorKind::Proxy, Phase::Proxy, message).with_response(response)
}
