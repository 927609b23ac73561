//! What becomes of a stream in each of the two.

use std::cell::OnceCell;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use longwire::{Config, ErrorKind, WsStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message, error::ProtocolError};

use crate::LIMIT;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) messages: Vec<Given>,
    pub(crate) end: End,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given {
    Text(String),
    Binary(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum End {
    /// The server's Close frame, with its code and reason.
    Close(Option<u16>, String),
    /// The stream ended without one.
    Reset,
    Protocol,
    Utf8,
    TooLarge,
}

pub(crate) fn ours(bytes: &[u8]) -> Outcome {
    thread_local! {
        static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
    }
    let config = Config::default()
        .max_frame_size(LIMIT)
        .max_message_size(LIMIT);
    let mut ws = WsStream::from_upgraded(Script(bytes), Bytes::new(), config);
    let mut messages = Vec::new();
    let end = RUNTIME.with(|runtime| {
        let runtime = runtime.get_or_init(|| {
            let mut builder = Builder::new_current_thread();
            builder.enable_time().start_paused(true).build().unwrap()
        });
        runtime.block_on(async {
            loop {
                match ws.next().await {
                    Some(Ok(longwire::Message::Text(text))) => {
                        messages.push(Given::Text(text.as_str().to_owned()));
                    }
                    Some(Ok(longwire::Message::Binary(bytes))) => {
                        messages.push(Given::Binary(bytes.to_vec()));
                    }
                    Some(Err(error)) => break Some(error.kind()),
                    None => break None,
                }
            }
        })
    });
    let end = match end {
        None => {
            let info = ws.close_info().unwrap();
            End::Close(info.code.map(u16::from), info.reason.to_string())
        }
        Some(ErrorKind::Reset) => End::Reset,
        Some(ErrorKind::Protocol) => End::Protocol,
        Some(ErrorKind::Utf8) => End::Utf8,
        Some(ErrorKind::TooLarge) => End::TooLarge,
        Some(kind) => panic!("an end of kind {kind:?}"),
    };
    Outcome { messages, end }
}

pub(crate) fn theirs(bytes: &[u8]) -> Outcome {
    let config = WebSocketConfig::default()
        .max_frame_size(Some(LIMIT))
        .max_message_size(Some(LIMIT));
    let mut ws = WebSocket::from_raw_socket(Script(bytes), Role::Client, Some(config));
    let mut messages = Vec::new();
    let end = loop {
        match ws.read() {
            Ok(Message::Text(text)) => messages.push(Given::Text(text.as_str().to_owned())),
            Ok(Message::Binary(bytes)) => messages.push(Given::Binary(bytes.to_vec())),
            Ok(Message::Close(None)) => break End::Close(None, String::new()),
            Ok(Message::Close(Some(frame))) => {
                break End::Close(Some(frame.code.into()), frame.reason.as_str().to_owned());
            }
            Ok(_) => {}
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => break End::Reset,
            Err(Error::Protocol(_)) => break End::Protocol,
            Err(Error::Utf8(_)) => break End::Utf8,
            Err(Error::Capacity(_)) => break End::TooLarge,
            Err(error) => panic!("{error:?}"),
        }
    };
    Outcome { messages, end }
}

/// Gives its bytes and then ends; takes whatever is written.
struct Script<'a>(&'a [u8]);

impl Read for Script<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Script<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Script<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let (now, later) = this.0.split_at(this.0.len().min(buf.remaining()));
        buf.put_slice(now);
        this.0 = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
