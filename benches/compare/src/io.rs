//! Streams in memory: they serve or swallow at once, so that what is measured is the library.
//!
//! Reading is a real call, as a socket's is: inlined, it takes part in every library's inlining, and a change to one
//! contestant moves another by a third. A swallowing write is next to nothing, and may vanish.

use std::{
    io::{self, IoSlice},
    mem,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{frames::masked_len, load::Shape};

/// Where served bytes come from: a stretch of wire, round and round.
struct Reel {
    wire: Arc<[u8]>,
    pos: usize,
    /// Where it goes on behind the end.
    again: usize,
    left: usize,
}

impl Reel {
    fn new(wire: &Arc<[u8]>, again: usize, bytes: usize) -> Self {
        Self {
            wire: Arc::clone(wire),
            pos: 0,
            again,
            left: bytes,
        }
    }

    /// Puts at most `limit` bytes and says how many.
    fn put(&mut self, buf: &mut ReadBuf<'_>, limit: usize) -> usize {
        let mut served = 0;
        while self.left > 0 && served < limit && buf.remaining() > 0 {
            let run = (self.wire.len() - self.pos)
                .min(self.left)
                .min(limit - served)
                .min(buf.remaining());
            buf.put_slice(&self.wire[self.pos..self.pos + run]);
            self.pos += run;
            if self.pos == self.wire.len() {
                self.pos = self.again;
            }
            self.left -= run;
            served += run;
        }
        served
    }
}

/// A backlog: every read is filled to the brim, until the bytes are served. What is written is swallowed.
pub struct Backlog(Reel);

impl Backlog {
    pub fn new(wire: &Arc<[u8]>, bytes: usize) -> Self {
        Self::looping(wire, 0, bytes)
    }

    /// One whose second round and all others begin at `again`.
    pub fn looping(wire: &Arc<[u8]>, again: usize, bytes: usize) -> Self {
        Self(Reel::new(wire, again, bytes))
    }
}

impl AsyncRead for Backlog {
    #[inline(never)]
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.0.put(buf, usize::MAX) {
            0 => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        }
    }
}

/// A quiet feed: one message, then `Pending` once with a wake-up, then the next message.
pub struct Quiet {
    reel: Reel,
    message: usize,
    /// Bytes of the present message that are still to be read.
    ready: usize,
}

impl Quiet {
    pub fn new(wire: &Arc<[u8]>, message: usize, count: usize) -> Self {
        Self {
            reel: Reel::new(wire, 0, message * count),
            message,
            ready: message,
        }
    }
}

impl AsyncRead for Quiet {
    #[inline(never)]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ready == 0 {
            this.ready = this.message;
            if this.reel.left > 0 {
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        match this.reel.put(buf, this.ready) {
            0 => Poll::Pending,
            served => {
                this.ready -= served;
                Poll::Ready(Ok(()))
            }
        }
    }
}

/// A peer that sends the next message once the last one has come back whole.
pub struct Mirror {
    reel: Reel,
    message: usize,
    /// Bytes of the echo of one message.
    reply: usize,
    ready: usize,
    written: usize,
    sink: Sink,
}

impl Mirror {
    pub fn new(wire: &Arc<[u8]>, shape: Shape, count: usize, sink: Sink) -> Self {
        Self {
            reel: Reel::new(wire, 0, shape.wire() * count),
            message: shape.wire(),
            reply: masked_len(shape.len),
            ready: shape.wire(),
            written: 0,
            sink,
        }
    }

    fn swallow(&mut self, bytes: &[u8]) {
        self.sink.swallow(bytes);
        self.written += bytes.len();
        if self.written >= self.reply {
            self.written -= self.reply;
            self.ready = self.message;
        }
    }
}

impl AsyncRead for Mirror {
    #[inline(never)]
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.reel.put(buf, this.ready) {
            0 => Poll::Pending,
            served => {
                this.ready -= served;
                Poll::Ready(Ok(()))
            }
        }
    }
}

/// What has been written to a [`Sink`], read when its owner has dropped it.
#[derive(Default)]
pub struct Written {
    pub bytes: usize,
    /// All of them, if they were to be kept.
    pub kept: Vec<u8>,
}

pub type Drain = Arc<Mutex<Written>>;

/// Serves nothing and swallows everything.
pub struct Sink {
    written: Written,
    keep: bool,
    drain: Drain,
}

impl Sink {
    pub fn new(drain: &Drain, keep: bool) -> Self {
        Self {
            written: Written::default(),
            keep,
            drain: Arc::clone(drain),
        }
    }

    /// One that keeps everything, in memory that is there already: so it costs a copy and nothing else.
    pub fn keeping(drain: &Drain, room: usize) -> Self {
        let mut sink = Self::new(drain, true);
        sink.written.kept = vec![1; room];
        sink.written.kept.clear();
        sink
    }

    fn swallow(&mut self, bytes: &[u8]) {
        self.written.bytes += bytes.len();
        if self.keep {
            self.written.kept.extend_from_slice(bytes);
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Ok(mut drain) = self.drain.lock() {
            *drain = mem::take(&mut self.written);
        }
    }
}

impl AsyncRead for Sink {
    #[inline(never)]
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// Vectored writes are offered, as by a TCP socket, and a flush has nothing to do.
macro_rules! write_at_once {
    ($stream:ty, |$this:ident, $bytes:ident| $one:expr, |$self_:ident, $slices:ident| $many:expr) => {
        impl AsyncWrite for $stream {
            fn poll_write(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
                $bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $this = self.get_mut();
                $one
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
                $slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $self_ = self.get_mut();
                $many
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }
    };
}

fn total(slices: &[IoSlice<'_>]) -> usize {
    slices.iter().map(|slice| slice.len()).sum()
}

write_at_once!(
    Backlog,
    |_this, bytes| Poll::Ready(Ok(bytes.len())),
    |_this, slices| Poll::Ready(Ok(total(slices)))
);
write_at_once!(
    Quiet,
    |_this, bytes| Poll::Ready(Ok(bytes.len())),
    |_this, slices| Poll::Ready(Ok(total(slices)))
);
write_at_once!(
    Mirror,
    |this, bytes| {
        this.swallow(bytes);
        Poll::Ready(Ok(bytes.len()))
    },
    |this, slices| {
        for slice in slices {
            this.swallow(slice);
        }
        Poll::Ready(Ok(total(slices)))
    }
);
write_at_once!(
    Sink,
    |this, bytes| {
        this.swallow(bytes);
        Poll::Ready(Ok(bytes.len()))
    },
    |this, slices| {
        for slice in slices {
            this.swallow(slice);
        }
        Poll::Ready(Ok(total(slices)))
    }
);
