//! A two-way pipe in memory whose far end is driven by plain calls: for tests that decide poll by
//! poll what the client sees.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A pipe of which each direction holds at most `capacity` bytes towards the server, and any number
/// towards the client.
pub(crate) fn pipe(capacity: usize) -> (Near, Far) {
    let shared = Arc::new(Mutex::new(Shared {
        capacity,
        ..Shared::default()
    }));
    (Near(Arc::clone(&shared)), Far(shared))
}

/// The client's end.
#[derive(Debug)]
pub(crate) struct Near(Arc<Mutex<Shared>>);

/// The server's end.
#[derive(Debug)]
pub(crate) struct Far(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    capacity: usize,
    to_client: Vec<u8>,
    to_server: Vec<u8>,
    server_finished: bool,
    client_finished: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Far {
    /// Makes `bytes` readable for the client.
    pub(crate) fn put(&self, bytes: &[u8]) {
        let mut shared = lock(&self.0);
        shared.to_client.extend_from_slice(bytes);
        if let Some(waker) = shared.reader.take() {
            waker.wake();
        }
    }

    /// Takes at most `most` bytes of what the client wrote, and makes room for more.
    pub(crate) fn take(&self, most: usize) -> Vec<u8> {
        let mut shared = lock(&self.0);
        let most = most.min(shared.to_server.len());
        let rest = shared.to_server.split_off(most);
        if let Some(waker) = shared.writer.take() {
            waker.wake();
        }
        std::mem::replace(&mut shared.to_server, rest)
    }

    /// No more bytes for the client: it reads the end behind those that are there.
    pub(crate) fn finish(&self) {
        let mut shared = lock(&self.0);
        shared.server_finished = true;
        if let Some(waker) = shared.reader.take() {
            waker.wake();
        }
    }

    /// Whether the client has shut its writing side down.
    pub(crate) fn client_has_finished(&self) -> bool {
        lock(&self.0).client_finished
    }
}

impl AsyncRead for Near {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        if shared.to_client.is_empty() && !shared.server_finished {
            shared.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let size = shared.to_client.len().min(buf.remaining());
        buf.put_slice(&shared.to_client[..size]);
        shared.to_client.drain(..size);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Near {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut shared = lock(&self.0);
        assert!(!shared.client_finished, "a write behind the shutdown");
        let size = bytes.len().min(shared.capacity - shared.to_server.len());
        if size == 0 && !bytes.is_empty() {
            shared.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        shared.to_server.extend_from_slice(&bytes[..size]);
        Poll::Ready(Ok(size))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).client_finished = true;
        Poll::Ready(Ok(()))
    }
}
