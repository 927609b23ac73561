//! The opening handshake on a byte stream.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{COOKIE, HeaderMap, SET_COOKIE};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::secrets::Secrets;
use super::{Plan, Progress, Target, redirect, tls};
use crate::error::{Error, ErrorKind};
use crate::handshake::{self, BodyReader, Key, Offer, ROOM, ResponseReader};

/// The server's answer. Small, since it is handed on from future to future.
pub(super) enum Answer {
    /// 101, and what came behind it: the first frames.
    Accepted(Vec<u8>),
    Refused(Box<Refusal>),
}

/// A final answer other than 101, up to its body.
pub(super) struct Refusal {
    pub(super) head: Response<()>,
    /// What came behind the head.
    pub(super) rest: Vec<u8>,
    /// What the body may send back.
    pub(super) secrets: Secrets,
    /// What else is to be said of it.
    pub(super) note: String,
}

/// The opening handshake on a byte stream (RFC 6455 §4.1), up to the head of the answer.
pub(super) async fn upgrade<S>(
    stream: &mut S,
    plan: &Plan<'_>,
    progress: &mut Progress,
) -> Result<Answer, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let key = Key::generate();
    let with_cookies = with_cookies(plan)?;
    let offer = Offer {
        headers: with_cookies.as_deref().unwrap_or(plan.offer.headers),
        ..plan.offer
    };
    // A server may refuse and close before it has read all of the request: its answer counts.
    let target = plan.target;
    let mut buffer = offer.request(&target.host_field(), &target.resource, &key);
    let mut unsent = send(stream, &buffer).await.err();

    let mut response = ResponseReader::new(&offer, &key);
    buffer.clear();
    let found = loop {
        buffer.reserve(if progress.received == 0 {
            ROOM
        } else {
            READ_SIZE
        });
        match stream.read_buf(&mut buffer).await {
            Ok(length @ 1..) => progress.received += length,
            ended => {
                let error = unsent.take().or_else(|| ended.err());
                let error = error.unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
                return Err(lost(error, target, progress));
            }
        }
        let read = response.read(&mut buffer);
        let read = read.map_err(|fault| fault.map(|text| secrets_of(target, &offer).hide_in(text)));
        if let Some(found) = read? {
            break found;
        }
    };
    progress.answered();
    let handshake = &mut progress.handshake;
    Ok(match found {
        handshake::Answer::Accepted(head, deflate) => {
            if plan.cookies.is_some() {
                keep_cookies(plan, head.to_response().headers());
            }
            handshake.accept(head, deflate);
            Answer::Accepted(buffer)
        }
        handshake::Answer::Refused(head) => {
            keep_cookies(plan, head.headers());
            handshake.report.status = Some(head.status());
            Answer::Refused(Box::new(Refusal {
                note: redirect::note(&head, target),
                head: *head,
                rest: buffer,
                secrets: secrets_of(target, &offer),
            }))
        }
    })
}

fn secrets_of(target: &Target, offer: &Offer<'_>) -> Secrets {
    Secrets::of(offer.headers, &target.resource)
}

/// The fields with what the jar has for them; `None` if that is nothing.
fn with_cookies(plan: &Plan<'_>) -> Result<Option<Box<HeaderMap>>, Error> {
    let Some(cookies) = plan.cookie_field() else {
        return Ok(None);
    };
    let mut headers = Box::new(plan.offer.headers.clone());
    let added = headers.try_insert(COOKIE, cookies);
    added.map_err(|_| Error::config("cookies: there are too many fields"))?;
    Ok(Some(headers))
}

fn keep_cookies(plan: &Plan<'_>, headers: &HeaderMap) {
    if let Some(store) = plan.cookies {
        if headers.contains_key(SET_COOKIE) {
            let mut fields = headers.get_all(SET_COOKIE).iter();
            store.set_cookies(&plan.target.cookie_url(), &mut fields);
        }
    }
}

pub(super) async fn send<S: AsyncWrite + Unpin>(stream: &mut S, request: &[u8]) -> io::Result<()> {
    stream.write_all(request).await?;
    stream.flush().await
}

/// A stream that failed or ended before the server's answer was whole.
fn lost(error: io::Error, target: &Target, progress: &Progress) -> Error {
    // A TLS server that wants a client certificate says so only now (RFC 8446 §4.4.2.4).
    let error = match tls::blame(error, progress.phase) {
        Ok(error) => return error,
        Err(error) => error,
    };
    let ended = error.kind() == io::ErrorKind::UnexpectedEof;
    let message = match (progress.received, ended) {
        (0, true) => "the server closed the connection without an answer".to_owned(),
        (0, false) => format!("the connection was lost before the server answered: {error}"),
        (count, true) => {
            format!("the server closed the connection after {count} bytes of its response")
        }
        (count, false) => {
            format!("the connection was lost after {count} bytes of the response: {error}")
        }
    };
    // Most ends of TLS hang up on who does not speak it.
    let hint = if progress.received == 0 && !target.secure {
        "; if it speaks TLS on this port, use wss://"
    } else {
        ""
    };
    let message = format!("the opening handshake failed: {message}{hint}");
    Error::new(ErrorKind::Io, progress.phase, message).with_source(error)
}

/// The body of a refusal, or as much of it as comes in time.
pub(super) async fn read_body<S: AsyncRead + Unpin>(
    mut stream: S,
    head: &Response<()>,
    mut buffer: Vec<u8>,
    left: Duration,
) -> Bytes {
    let mut body = BodyReader::new(head);
    let read = async {
        while !body.read(&buffer) {
            buffer.clear();
            buffer.reserve(READ_SIZE);
            if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
                break;
            }
        }
    };
    // What has come when the time is up is what there is.
    let _ = timeout(left.min(BODY_TIMEOUT), read).await;
    body.into_body().into()
}

/// How long the body of a refusal may take to arrive, while the connect deadline allows.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// Larger than nearly every response, and small enough to be dropped without regret.
pub(super) const READ_SIZE: usize = 4 << 10;
