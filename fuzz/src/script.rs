//! A transport whose peer says what the input says, and keeps what the client wrote.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::input::Cuts;
use crate::request::Request;

/// What the client wrote, to be looked at once the transport has been given away.
pub(crate) type Written = Arc<Mutex<Vec<u8>>>;

/// The request of the opening handshake, once the client has sent it.
pub(crate) type Heard = Arc<Mutex<Option<Request>>>;

/// Gives its bytes, and then ends.
pub(crate) struct Script {
    says: Says,
    given: usize,
    cuts: Cuts,
    written: Written,
    heard: Heard,
    reader: Option<Waker>,
}

enum Says {
    Bytes(Vec<u8>),
    /// What becomes of the request head, once it is whole.
    Answer(Box<dyn Fn(&Request) -> Vec<u8> + Send>),
}

impl Script {
    pub(crate) fn new(bytes: &[u8], cuts: Cuts) -> Self {
        Self::saying(Says::Bytes(bytes.to_vec()), cuts)
    }

    /// Says nothing before the request of the opening handshake is there.
    pub(crate) fn answering(
        answer: impl Fn(&Request) -> Vec<u8> + Send + 'static,
        cuts: Cuts,
    ) -> Self {
        Self::saying(Says::Answer(Box::new(answer)), cuts)
    }

    fn saying(says: Says, cuts: Cuts) -> Self {
        Self {
            says,
            given: 0,
            cuts,
            written: Written::default(),
            heard: Heard::default(),
            reader: None,
        }
    }

    pub(crate) fn written(&self) -> Written {
        Arc::clone(&self.written)
    }

    pub(crate) fn request_heard(&self) -> Heard {
        Arc::clone(&self.heard)
    }

    /// One poll in three is not ready, and wakes its task at once.
    fn poll_ready(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.cuts.is_ready() {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl AsyncRead for Script {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        std::task::ready!(this.poll_ready(cx));
        let Says::Bytes(bytes) = &this.says else {
            this.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let rest = &bytes[this.given..];
        let size = this.cuts.size().min(rest.len()).min(buf.remaining());
        buf.put_slice(&rest[..size]);
        this.given += size;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        std::task::ready!(this.poll_ready(cx));
        let size = this.cuts.size().min(bytes.len());
        let mut written = this.written.lock().unwrap();
        written.extend_from_slice(&bytes[..size]);
        if let Says::Answer(answer) = &this.says
            && written.ends_with(b"\r\n\r\n")
        {
            let request = Request::parse(&written);
            this.says = Says::Bytes(answer(&request));
            *this.heard.lock().unwrap() = Some(request);
            written.clear();
            if let Some(reader) = this.reader.take() {
                reader.wake();
            }
        }
        Poll::Ready(Ok(size))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_ready(cx).map(Ok)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_ready(cx).map(Ok)
    }
}
