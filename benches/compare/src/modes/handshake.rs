//! `inmem`, the opening handshake: a request is answered as soon as its last byte is written.
//!
//! Two contestants let hyper speak HTTP, which needs a task of its own; so this row runs on the runtime and not on the
//! bare executor, for all. What the peer does to answer (one SHA-1, some string searching) is in every figure, and alone
//! in the one of `limit`.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    adapters::{self, Visit},
    clock::Clock,
    contest::Row,
    library::Library,
    opening, runtime,
};

pub fn rows() -> Vec<Row> {
    let mut build = Build(Row::new("inmem", "opening handshake", "handshake", 3_000));
    adapters::each(&mut build);
    vec![build.0]
}

struct Build(Row);

impl Visit for Build {
    fn visit<L: Library>(&mut self) {
        self.0.add::<L>(|count, _| {
            runtime::block_on(async {
                let clock = Clock::start();
                for _ in 0..count {
                    L::handshake(Opening::default()).await?;
                }
                Ok(clock.stop(count))
            })
        });
    }
}

/// A server that knows nothing but the opening handshake.
#[derive(Default)]
struct Opening {
    request: Vec<u8>,
    response: Vec<u8>,
    served: usize,
    reader: Option<Waker>,
}

impl AsyncRead for Opening {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let rest = &this.response[this.served..];
        if rest.is_empty() {
            this.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let served = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..served]);
        this.served += served;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Opening {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.request.extend_from_slice(bytes);
        if this.request.ends_with(b"\r\n\r\n") {
            this.response = opening::response(&this.request)
                .ok_or_else(|| io::Error::other("a request without Sec-WebSocket-Key"))?;
            if let Some(reader) = this.reader.take() {
                reader.wake();
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
