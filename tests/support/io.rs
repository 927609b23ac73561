//! Transports that behave badly: cut reads and writes, polls that are not ready, ends and
//! failures after so many bytes, and a source that goes on for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::random::Random;

/// A transport over another one, which it uses in an unkind way.
#[derive(Debug)]
pub(crate) struct Chaos<T> {
    inner: T,
    read_cuts: Cuts,
    write_cuts: Cuts,
    not_ready: Option<(Random, usize)>,
    read_budget: Option<(usize, Exhausted)>,
    write_budget: Option<(usize, Exhausted)>,
}

/// How many bytes one read or write moves at most.
#[derive(Debug)]
pub(crate) enum Cuts {
    Nowhere,
    /// After every so many bytes.
    Every(usize),
    /// After the first so many bytes, and then nowhere.
    Once(usize),
    /// After at most so many bytes, a new number each time.
    Random(Random, usize),
}

/// What happens when the bytes of a budget are used up.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Exhausted {
    /// Never ready again, and no wake-up.
    Blocks,
    /// Reads end, and writes take nothing.
    Ends,
    Fails(io::ErrorKind),
}

impl Cuts {
    fn next(&mut self) -> usize {
        match self {
            Self::Nowhere | Self::Once(0) => usize::MAX,
            Self::Every(bytes) | Self::Once(bytes) => *bytes,
            Self::Random(random, most) => 1 + random.below(*most),
        }
    }

    fn moved(&mut self, bytes: usize) {
        if let Self::Once(left) = self {
            *left -= bytes.min(*left);
        }
    }
}

impl<T> Chaos<T> {
    pub(crate) fn over(inner: T) -> Self {
        Self {
            inner,
            read_cuts: Cuts::Nowhere,
            write_cuts: Cuts::Nowhere,
            not_ready: None,
            read_budget: None,
            write_budget: None,
        }
    }

    pub(crate) fn read_cuts(mut self, cuts: Cuts) -> Self {
        self.read_cuts = cuts;
        self
    }

    pub(crate) fn write_cuts(mut self, cuts: Cuts) -> Self {
        self.write_cuts = cuts;
        self
    }

    /// One poll in `n` is not ready, and wakes its task at once.
    pub(crate) fn not_ready_one_in(mut self, n: usize, random: Random) -> Self {
        self.not_ready = Some((random, n));
        self
    }

    /// What becomes of reads behind the first `bytes`.
    pub(crate) fn after_reading(mut self, bytes: usize, then: Exhausted) -> Self {
        self.read_budget = Some((bytes, then));
        self
    }

    /// What becomes of writes behind the first `bytes`.
    pub(crate) fn after_writing(mut self, bytes: usize, then: Exhausted) -> Self {
        self.write_budget = Some((bytes, then));
        self
    }

    fn poll_ready(&mut self, cx: &Context<'_>) -> Poll<()> {
        let Some((random, n)) = &mut self.not_ready else {
            return Poll::Ready(());
        };
        if !random.one_in(*n) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Chaos<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_ready(cx));
        let mut most = this.read_cuts.next().min(buf.remaining());
        match this.read_budget {
            Some((0, Exhausted::Blocks)) => return Poll::Pending,
            Some((0, Exhausted::Ends)) => return Poll::Ready(Ok(())),
            Some((0, Exhausted::Fails(kind))) => return Poll::Ready(Err(kind.into())),
            Some((left, _)) => most = most.min(left),
            None => {}
        }
        let mut part = buf.take(most);
        ready!(Pin::new(&mut this.inner).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        // The part is a window on initialised or unfilled memory of `buf`: copying its content over
        // itself is the safe way to mark it as filled.
        let bytes = part.filled().to_vec();
        buf.put_slice(&bytes);
        this.read_cuts.moved(read);
        if let Some((left, _)) = &mut this.read_budget {
            *left -= read;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Chaos<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_ready(cx));
        let mut most = this.write_cuts.next().min(bytes.len());
        match this.write_budget {
            Some((0, Exhausted::Blocks)) => return Poll::Pending,
            Some((0, Exhausted::Ends)) => return Poll::Ready(Ok(0)),
            Some((0, Exhausted::Fails(kind))) => return Poll::Ready(Err(kind.into())),
            Some((left, _)) => most = most.min(left),
            None => {}
        }
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, &bytes[..most]))?;
        this.write_cuts.moved(written);
        if let Some((left, _)) = &mut this.write_budget {
            *left -= written;
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_ready(cx));
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_ready(cx));
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

/// Gives a head and then a pattern over and over, without a peer and without allocating, and takes
/// whatever is written.
#[derive(Debug)]
pub(crate) struct Endless {
    head: Vec<u8>,
    pattern: Vec<u8>,
    given: usize,
    total: usize,
    then: Exhausted,
    writes_block: bool,
    written: u64,
}

impl Endless {
    pub(crate) fn new(head: Vec<u8>, pattern: Vec<u8>) -> Self {
        Self {
            head,
            pattern,
            given: 0,
            total: usize::MAX,
            then: Exhausted::Ends,
            writes_block: false,
            written: 0,
        }
    }

    /// The head and this many turns of the pattern, and then what `then` says.
    pub(crate) fn turns(mut self, turns: usize, then: Exhausted) -> Self {
        self.total = self.head.len() + turns * self.pattern.len();
        self.then = then;
        self
    }

    /// Takes nothing that is written.
    pub(crate) fn never_writable(mut self) -> Self {
        self.writes_block = true;
        self
    }
}

impl AsyncRead for Endless {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.given == this.total {
            return match this.then {
                Exhausted::Blocks => Poll::Pending,
                Exhausted::Ends => Poll::Ready(Ok(())),
                Exhausted::Fails(kind) => Poll::Ready(Err(kind.into())),
            };
        }
        while buf.remaining() > 0 && this.given < this.total {
            let source = match this.given.checked_sub(this.head.len()) {
                None => &this.head[this.given..],
                Some(past) => &this.pattern[past % this.pattern.len()..],
            };
            let size = source
                .len()
                .min(buf.remaining())
                .min(this.total - this.given);
            buf.put_slice(&source[..size]);
            this.given += size;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.writes_block {
            return Poll::Pending;
        }
        this.written += bytes.len() as u64;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
