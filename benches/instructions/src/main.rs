//! `instructions ROW COUNT` does the work of a row so many times, on a stream in memory.
//!
//! `count` runs it under callgrind with N and with 2 N messages: the difference is what N messages take, and
//! everything that happens once cancels out. The numbers depend on nothing but the code: no clock is read where a row does
//! not ask for one, no runtime runs, and masking keys cost the same whatever they are.

use std::env;
use std::error::Error;
use std::future::Future;
use std::hint::black_box;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use longwire::{Config, WsStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [row, count] = arguments.as_slice() else {
        return Err(format!("usage: instructions ROW COUNT, where ROW is one of {ROWS:?}").into());
    };
    let count = count.parse()?;
    // For the timer of liveness. The runtime never runs, so that nothing of it is counted.
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let _entered = runtime.enter();
    match row.as_str() {
        "receive" => drive(receive(wire(1, &[&json(150)]), false, count)),
        "receive-quiet" => drive(receive(wire(1, &[&json(150)]), true, count)),
        "receive-batch" => drive(receive_batch(count)),
        "receive-4-frames" => {
            let text = json(600);
            let parts: Vec<_> = text.chunks(150).collect();
            drive(receive(wire(1, &parts), false, count))
        }
        "receive-16-binary" => drive(receive(wire(2, &[&[7; 16]]), false, count)),
        "receive-4-kib" => drive(receive(wire(1, &[&json(4096)]), false, count)),
        "send" => drive(send(1, count)),
        "send-64" => drive(send(64, count)),
        "echo" => drive(echo(count)),
        _ => Err(format!("no such row; there are {ROWS:?}").into()),
    }
}

const ROWS: [&str; 9] = [
    "receive",
    "receive-quiet",
    "receive-batch",
    "receive-4-frames",
    "receive-16-binary",
    "receive-4-kib",
    "send",
    "send-64",
    "echo",
];

type Outcome = Result<(), Box<dyn Error>>;

async fn receive(wire: Vec<u8>, quiet: bool, count: usize) -> Outcome {
    let mut ws = open(Memory::new(wire, quiet));
    for _ in 0..count {
        black_box(ws.next().await.ok_or("the stream ended")??);
    }
    Ok(())
}

async fn receive_batch(count: usize) -> Outcome {
    let mut ws = open(Memory::new(wire(1, &[&json(150)]), false));
    let mut left = count;
    while left > 0 {
        let batch = ws.next_batch().await.ok_or("the stream ended")??;
        for message in batch.take(left) {
            black_box(message);
            left -= 1;
        }
    }
    Ok(())
}

async fn send(to_a_flush: usize, count: usize) -> Outcome {
    let mut ws = open(Memory::new(Vec::new(), true));
    let text = String::from_utf8(json(150))?;
    for at in 1..=count {
        ws.feed_text(black_box(&text)).await?;
        if at % to_a_flush == 0 {
            ws.flush().await?;
        }
    }
    Ok(())
}

async fn echo(count: usize) -> Outcome {
    let mut ws = open(Memory::new(wire(2, &[&[7; 64]]), true));
    for _ in 0..count {
        let message = ws.next().await.ok_or("the stream ended")??;
        ws.send(message).await?;
    }
    Ok(())
}

fn open(io: Memory) -> WsStream<Memory> {
    WsStream::from_upgraded(io, Bytes::new(), Config::default())
}

/// A message in so many frames, as a server sends it.
fn wire(opcode: u8, frames: &[&[u8]]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (at, payload) in frames.iter().enumerate() {
        let fin = if at + 1 == frames.len() { 0x80 } else { 0 };
        wire.push(fin | if at == 0 { opcode } else { 0 });
        let [.., high, low] = payload.len().to_be_bytes();
        match (high, low) {
            (0, ..=125) => wire.push(low),
            _ => wire.extend([126, high, low]),
        }
        wire.extend(*payload);
    }
    wire
}

/// Text of so many bytes, all ASCII.
fn json(len: usize) -> Vec<u8> {
    let mut text = br#"{"stream":"btcusdt@trade","price":"4"#.to_vec();
    text.resize(len - 2, b'2');
    text.extend(b"\"}");
    text
}

/// Gives one message again and again, and swallows what is written.
struct Memory {
    wire: Vec<u8>,
    at: usize,
    /// Whether a read gives one message, and the next one none; else it fills what it is given.
    quiet: bool,
}

impl Memory {
    fn new(wire: Vec<u8>, quiet: bool) -> Self {
        Self { wire, at: 0, quiet }
    }
}

impl AsyncRead for Memory {
    #[inline(never)]
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.quiet {
            if self.at == self.wire.len() {
                self.at = 0;
                return Poll::Pending;
            }
            buf.put_slice(&self.wire);
            self.at = self.wire.len();
            return Poll::Ready(Ok(()));
        }
        while buf.remaining() > 0 {
            let end = self.wire.len().min(self.at + buf.remaining());
            buf.put_slice(&self.wire[self.at..end]);
            self.at = if end == self.wire.len() { 0 } else { end };
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    #[inline(never)]
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(black_box(bytes).len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Polls until it is done: nothing here ever waits for anything.
fn drive(future: impl Future<Output = Outcome>) -> Outcome {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(outcome) = future.as_mut().poll(&mut cx) {
            return outcome;
        }
    }
}
