//! Our own parts, each by itself: header, mask, UTF-8, codec, assembler.
//!
//! Leaf files of the crate are compiled into this program, since they are nobody's business outside; the others are
//! reached by the public face.

use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use futures::executor::block_on;
use longwire::{Config, Frame, FrameCodec, Opcode, Utf8Bytes, WsStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::codec::{Decoder, Encoder};

#[expect(dead_code, unused_imports, reason = "its tests are run by the crate")]
#[path = "../src/frame/mask.rs"]
mod mask;
#[expect(unused_imports, reason = "its tests are run by the crate")]
#[path = "../src/random.rs"]
mod random;
#[expect(unused_imports, reason = "its tests are run by the crate")]
#[path = "../src/utf8/short.rs"]
mod short;
#[expect(dead_code, reason = "its tests are run by the crate")]
#[path = "../src/utf8/validator.rs"]
mod validator;

/// A frame with no payload is its header, and what the codec does about every frame.
fn header(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("header");
    group.bench_function("read", |bench| {
        let mut codec = FrameCodec::new();
        let frames: BytesMut = [0x82, 0].repeat(64)[..].into();
        bench.iter_batched_ref(
            || frames.clone(),
            |frames| {
                while let Ok(Some(frame)) = codec.decode(frames) {
                    black_box(frame);
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("write", |bench| {
        let mut codec = FrameCodec::new();
        bench.iter_batched_ref(
            || BytesMut::with_capacity(64 * 14),
            |out| {
                for _ in 0..64 {
                    let written = codec.encode(black_box(Frame::binary("")), out);
                    black_box(written.is_ok());
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn masking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask");
    group.bench_function("key", |bench| bench.iter(mask::new_key));
    for len in LENGTHS {
        let payload = vec![7; len];
        let mut out = vec![0; len];
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new("copy", len), |bench| {
            bench.iter(|| mask::copy(&mut out, black_box(&payload), [1, 2, 3, 4]));
        });
        group.bench_function(BenchmarkId::new("in place", len), |bench| {
            bench.iter(|| mask::apply(black_box(&mut out), [1, 2, 3, 4]));
        });
    }
    group.finish();
}

fn utf8(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("utf8");
    for len in LENGTHS {
        group.throughput(Throughput::Bytes(len as u64));
        for (kind, text) in [("ascii", ascii(len)), ("mixed", mixed(len))] {
            group.bench_function(BenchmarkId::new(format!("{kind}, at once"), len), |bench| {
                bench.iter(|| Utf8Bytes::try_from(black_box(&text).clone()));
            });
            group.bench_function(BenchmarkId::new(format!("{kind}, in two"), len), |bench| {
                // Mostly inside a code point.
                let (first, second) = text.split_at(len / 2);
                bench.iter(|| {
                    let mut validator = validator::Validator::default();
                    let pushed = validator
                        .push(black_box(first))
                        .and_then(|()| validator.push(black_box(second)));
                    pushed.and_then(|()| validator.finish())
                });
            });
        }
        group.bench_function(BenchmarkId::new("short look", len), |bench| {
            let text = ascii(len);
            bench.iter(|| short::is_ascii(black_box(&text)));
        });
    }
    group.finish();
}

fn codec(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");
    for len in LENGTHS {
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new("decode", len), |bench| {
            let mut codec = FrameCodec::new();
            let wire: BytesMut = wire(Opcode::Binary, &[&ascii(len)])[..].into();
            bench.iter_batched_ref(
                || wire.clone(),
                |wire| codec.decode(wire),
                BatchSize::SmallInput,
            );
        });
        group.bench_function(BenchmarkId::new("encode", len), |bench| {
            let mut codec = FrameCodec::new();
            let frame = Frame::binary(ascii(len));
            let mut out = BytesMut::new();
            bench.iter(|| {
                out.clear();
                codec.encode(black_box(&frame).clone(), &mut out)
            });
        });
    }
    group.finish();
}

/// A message that comes in frames, taken from a stream.
fn assembler(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("assembler");
    for (len, frames) in [
        (600, 1),
        (600, 4),
        (64 << 10, 1),
        (64 << 10, 16),
        (1 << 20, 16),
    ] {
        for (kind, opcode) in [("text", Opcode::Text), ("binary", Opcode::Binary)] {
            let message = ascii(len);
            let parts: Vec<_> = message.chunks(len / frames).collect();
            let wire = wire(opcode, &parts);
            let mut ws =
                WsStream::from_upgraded(Endless { wire, at: 0 }, Bytes::new(), Config::default());
            group.throughput(Throughput::Bytes(len as u64));
            group.bench_function(
                BenchmarkId::new(format!("{kind} in {frames}"), len),
                |bench| {
                    bench.iter(|| block_on(ws.next()));
                },
            );
        }
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for part in [header, masking, utf8, codec, assembler] {
        part(&mut criterion);
    }
    criterion.final_summary();
}

const LENGTHS: [usize; 4] = [16, 150, 1024, 64 << 10];

fn ascii(len: usize) -> Bytes {
    b"{\"price\":\"42.17\"}"
        .iter()
        .copied()
        .cycle()
        .take(len)
        .collect()
}

/// Characters of one to four bytes, and the end filled up.
fn mixed(len: usize) -> Bytes {
    let mut text = "aé価🚀".repeat(len / 10);
    text.extend(std::iter::repeat_n('.', len - text.len()));
    text.into()
}

/// A message in so many frames, as a server sends it.
fn wire(opcode: Opcode, frames: &[&[u8]]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (at, payload) in frames.iter().enumerate() {
        let fin = if at + 1 == frames.len() { 0x80 } else { 0 };
        let opcode = match opcode {
            _ if at > 0 => 0,
            Opcode::Text => 1,
            _ => 2,
        };
        wire.push(fin | opcode);
        let long = payload.len() as u64;
        match u16::try_from(payload.len()) {
            Ok(len @ ..=125) => wire.push(len.to_be_bytes()[1]),
            Ok(len) => wire.extend([&[126][..], &len.to_be_bytes()].concat()),
            Err(_) => wire.extend([&[127][..], &long.to_be_bytes()].concat()),
        }
        wire.extend(*payload);
    }
    wire
}

/// Gives the same bytes round and round, and swallows what is written.
struct Endless {
    wire: Vec<u8>,
    at: usize,
}

impl AsyncRead for Endless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let end = self.wire.len().min(self.at + buf.remaining());
        buf.put_slice(&self.wire[self.at..end]);
        self.at = if end == self.wire.len() { 0 } else { end };
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
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
