//! A pipe in memory with the checker's lock, which remembers one waker for each direction, as a
//! socket does.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use shuttle::sync::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One end; each direction holds at most `capacity` bytes.
pub(crate) struct End {
    incoming: Arc<Mutex<Way>>,
    outgoing: Arc<Mutex<Way>>,
}

#[derive(Default)]
struct Way {
    capacity: usize,
    bytes: Vec<u8>,
    finished: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

pub(crate) fn pipe(capacity: usize) -> (End, End) {
    let way = || {
        Arc::new(Mutex::new(Way {
            capacity,
            ..Way::default()
        }))
    };
    let (one, other) = (way(), way());
    let near = End {
        incoming: Arc::clone(&one),
        outgoing: Arc::clone(&other),
    };
    let far = End {
        incoming: other,
        outgoing: one,
    };
    (near, far)
}

impl End {
    /// Takes nothing more of what the other side writes, and tells it so.
    pub(crate) fn refuse(&self) {
        finish(&self.incoming);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut way = self.incoming.lock().unwrap();
        if way.bytes.is_empty() && !way.finished {
            way.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let size = way.bytes.len().min(buf.remaining());
        buf.put_slice(&way.bytes[..size]);
        way.bytes.drain(..size);
        let writer = way.writer.take();
        drop(way);
        wake(writer);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut way = self.outgoing.lock().unwrap();
        if way.finished {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let size = bytes.len().min(way.capacity - way.bytes.len());
        if size == 0 && !bytes.is_empty() {
            way.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        way.bytes.extend_from_slice(&bytes[..size]);
        let reader = way.reader.take();
        drop(way);
        wake(reader);
        Poll::Ready(Ok(size))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        finish(&self.outgoing);
        Poll::Ready(Ok(()))
    }
}

fn finish(way: &Mutex<Way>) {
    let mut way = way.lock().unwrap();
    way.finished = true;
    let wakers = [way.reader.take(), way.writer.take()];
    drop(way);
    wakers.into_iter().for_each(wake);
}

impl Drop for End {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            finish(&self.outgoing);
            finish(&self.incoming);
        }
    }
}
