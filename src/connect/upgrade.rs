//! The opening handshake on a byte stream.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Response;
use http::header::{COOKIE, HeaderMap, SET_COOKIE};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::secrets::Secrets;
use super::{Plan, Progress, redirect, tls};
use crate::error::{Error, ErrorKind};
use crate::handshake::{Answer, BodyReader, Key, Offer, ResponseReader};

/// The server's answer, and the stream behind it.
pub(super) struct Upgraded<S> {
    pub(super) stream: S,
    pub(super) answer: Answer,
    /// What came behind the head of the answer.
    pub(super) rest: BytesMut,
    /// What the body of a refusal may send back.
    pub(super) secrets: Secrets,
    /// What else is to be said of a refusal.
    pub(super) note: String,
}

/// The opening handshake on a byte stream (RFC 6455 §4.1), up to the head of the answer.
pub(super) async fn upgrade<S>(
    mut stream: S,
    plan: &Plan,
    progress: &mut Progress,
) -> Result<Upgraded<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let key = Key::generate();
    let with_cookies = with_cookies(plan)?;
    let offer = with_cookies.as_deref().unwrap_or(&plan.offer);
    // A server may refuse and close before it has read all of the request: its answer counts.
    let request = offer.request(&plan.target.host_field(), &plan.target.resource, &key);
    let mut unsent = send(&mut stream, &request).await.err();

    let mut response = ResponseReader::new(offer, &key);
    let mut buffer = BytesMut::new();
    let answer = loop {
        buffer.reserve(if progress.received == 0 {
            FIRST_READ
        } else {
            READ_SIZE
        });
        match stream.read_buf(&mut buffer).await {
            Ok(length @ 1..) => progress.received += length,
            ended => {
                let error = unsent.take().or_else(|| ended.err());
                let error = error.unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
                return Err(lost(error, plan, progress));
            }
        }
        let read = response.read(&mut buffer);
        let read = read.map_err(|fault| fault.map(|text| secrets_of(plan, offer).hide_in(text)));
        if let Some(answer) = read? {
            break answer;
        }
    };
    let (secrets, note) = match &answer {
        Answer::Accepted(..) => (Secrets::default(), String::new()),
        Answer::Refused(head) => (secrets_of(plan, offer), redirect::note(head, &plan.target)),
    };
    progress.answered();
    progress.report.status = Some(answer.status());
    keep_cookies(plan, &answer);
    Ok(Upgraded {
        stream,
        answer,
        rest: buffer,
        secrets,
        note,
    })
}

fn secrets_of(plan: &Plan, offer: &Offer) -> Secrets {
    Secrets::of(&offer.headers, &plan.target.resource)
}

/// What is offered, with what the jar has for it; `None` if that is nothing.
fn with_cookies(plan: &Plan) -> Result<Option<Box<Offer>>, Error> {
    let Some(cookies) = plan.cookie_field() else {
        return Ok(None);
    };
    let mut offer = plan.offer.clone();
    let added = offer.headers.try_insert(COOKIE, cookies);
    added.map_err(|_| Error::config("cookies: there are too many fields"))?;
    Ok(Some(Box::new(offer)))
}

fn keep_cookies(plan: &Plan, answer: &Answer) {
    let Some(store) = &plan.cookies else {
        return;
    };
    let keep = |headers: &HeaderMap| {
        if headers.contains_key(SET_COOKIE) {
            let mut fields = headers.get_all(SET_COOKIE).iter();
            store.set_cookies(&plan.target.cookie_url(), &mut fields);
        }
    };
    match answer {
        Answer::Accepted(head, _) => keep(head.to_response().headers()),
        Answer::Refused(head) => keep(head.headers()),
    }
}

pub(super) async fn send<S: AsyncWrite + Unpin>(stream: &mut S, request: &[u8]) -> io::Result<()> {
    stream.write_all(request).await?;
    stream.flush().await
}

/// A stream that failed or ended before the server's answer was whole.
fn lost(error: io::Error, plan: &Plan, progress: &Progress) -> Error {
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
    let hint = if progress.received == 0 && !plan.target.secure {
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
    mut buffer: BytesMut,
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

/// Larger than most responses of servers that accept, and small for the allocator.
const FIRST_READ: usize = 1000;

/// Larger than nearly every response, and small enough to be dropped without regret.
pub(super) const READ_SIZE: usize = 4 << 10;
