//! The neutral server: threads, blocking sockets and raw bytes; the path of a request says what is to be done.
//!
//! It checks every byte it is sent in every run: it has a thread of its own, and only the client's is measured.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use rustls::{ServerConnection, StreamOwned};

use crate::{
    frames::{mask, parse_masked, write_message},
    library::{Fault, Kind},
    load::{Load, Shape, Style},
    opening, place,
    tls::Identity,
};

pub struct Server {
    pub plain: SocketAddr,
    pub tls: SocketAddr,
    pub identity: Identity,
}

/// What a connection is to do, as its path says it.
#[derive(Clone, Copy)]
pub struct Task {
    pub work: Work,
    pub shape: Shape,
    pub count: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Send `count` messages as fast as they are taken.
    Flood,
    /// Take `count` messages, compare them with the shape's first, and answer [`VERDICT`] for each `count`.
    Drain,
    /// Send back what comes.
    Echo,
    /// Send one message and stay. A connection with another `count` lets go of those before.
    Idle,
    /// Nothing: the opening handshake was all.
    Open,
}

/// The answer to messages that were as they should be. [`Task::reply`] has its shape.
const VERDICT: &[u8] = b"ok";

impl Server {
    /// # Errors
    ///
    /// When no socket can be had on the loopback interface.
    pub fn start() -> Result<Self, Fault> {
        let identity = Identity::new()?;
        let config = identity.server()?;
        let plain = TcpListener::bind("127.0.0.1:0")?;
        let tls = TcpListener::bind("127.0.0.1:0")?;
        let server = Self {
            plain: plain.local_addr()?,
            tls: tls.local_addr()?,
            identity,
        };
        accept(plain, Ok);
        accept(tls, move |stream| {
            let session = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
            Ok(StreamOwned::new(session, stream))
        });
        Ok(server)
    }
}

impl Task {
    pub fn path(self) -> String {
        let work = match self.work {
            Work::Flood => "flood",
            Work::Drain => "drain",
            Work::Echo => "echo",
            Work::Idle => "idle",
            Work::Open => "open",
        };
        let Shape { style, len, frames } = self.shape;
        format!("/{work}/{}/{len}/{frames}/{}", style.name(), self.count)
    }

    /// What the server's verdict on a drain looks like.
    pub const fn reply() -> Shape {
        Shape::binary(VERDICT.len())
    }

    /// Whether a message is the verdict that all was well.
    pub fn approves(kind: Kind, payload: &[u8]) -> bool {
        kind == Kind::Binary && payload == VERDICT
    }

    /// Any path but those above is an opening handshake and nothing more.
    fn parse(path: &str) -> Self {
        let parts: Vec<_> = path.split('/').skip(1).collect();
        let parsed = if let [work, style, len, frames, count] = parts[..] {
            let shape = || {
                Some(Shape {
                    style: Style::by_name(style)?,
                    len: len.parse().ok()?,
                    frames: frames.parse().ok()?,
                })
            };
            let work = match work {
                "flood" => Work::Flood,
                "drain" => Work::Drain,
                "echo" => Work::Echo,
                "idle" => Work::Idle,
                _ => Work::Open,
            };
            shape()
                .zip(count.parse().ok())
                .map(|(shape, count)| Self { work, shape, count })
        } else {
            None
        };
        parsed.unwrap_or(Self {
            work: Work::Open,
            shape: Shape::binary(0),
            count: 0,
        })
    }
}

/// Accepts for ever. Opening handshakes are done on the accepting thread, one after the other, and so is all of a
/// connection that has nothing else to do: thousands of idle ones need no threads.
fn accept<S: Read + Write + Send + 'static>(
    listener: TcpListener,
    mut wrap: impl FnMut(TcpStream) -> io::Result<S> + Send + 'static,
) {
    thread::spawn(move || {
        place::server();
        let (mut group, mut idle) = (0, Vec::new());
        for stream in listener.incoming() {
            let opened = stream.and_then(|stream| {
                stream.set_nodelay(true)?;
                let mut stream = wrap(stream)?;
                let task = open(&mut stream)?;
                Ok((stream, task))
            });
            // A client that breaks off is told by its own error.
            let Ok((mut stream, task)) = opened else {
                continue;
            };
            match task.work {
                Work::Open => {}
                Work::Idle => {
                    let mut frame = Vec::new();
                    write_message(
                        &mut frame,
                        task.shape.style.kind(),
                        1,
                        &task.shape.payload(0),
                    );
                    let sent = stream.write_all(&frame).and_then(|()| stream.flush());
                    if sent.is_ok() {
                        if group != task.count {
                            group = task.count;
                            idle.clear();
                        }
                        idle.push(stream);
                    }
                }
                Work::Flood | Work::Drain | Work::Echo => {
                    thread::spawn(move || serve(stream, task));
                }
            }
        }
    });
}

/// Reads the request and answers it. A client sends nothing more before it has the answer.
fn open(stream: &mut (impl Read + Write)) -> io::Result<Task> {
    let mut head = Vec::with_capacity(1024);
    let mut chunk = [0; 1024];
    while opening::head_len(&head).is_none() {
        match stream.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => head.extend_from_slice(&chunk[..read]),
        }
    }
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let response = opening::response(&head).ok_or_else(bad)?;
    stream.write_all(&response)?;
    stream.flush()?;
    Ok(Task::parse(opening::path(&head).ok_or_else(bad)?))
}

/// To the end of the connection. What goes wrong ends it, and the client misses what it waits for.
fn serve(stream: impl Read + Write, task: Task) {
    let served = match task.work {
        Work::Flood => flood(stream, task),
        Work::Drain => drain(stream, task),
        _ => echo(stream),
    };
    if let Err(fault) = served {
        // A client that has all it wanted may leave with a reset.
        if !matches!(fault.downcast_ref::<io::Error>(), Some(error) if gone(error)) {
            eprintln!("server: {fault}");
        }
    }
}

fn gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof
    )
}

fn flood(mut stream: impl Read + Write, task: Task) -> Result<(), Fault> {
    let load = Load::new(task.shape);
    let messages = load.messages.len();
    let rounds = (FLOOD_WRITE / load.wire.len()).max(1);
    let chunk = load.wire.repeat(rounds);
    let mut left = task.count;
    while left > 0 {
        let now = left.min(rounds * messages);
        stream.write_all(&chunk[..now * task.shape.wire()])?;
        left -= now;
    }
    stream.flush()?;
    // The client closes.
    while stream.read(&mut [0; 64])? > 0 {}
    Ok(())
}

fn drain(mut stream: impl Read + Write, task: Task) -> Result<(), Fault> {
    let expected = task.shape.payload(0);
    let mut seen = 0;
    each_frame(&mut stream, |stream, kind, payload| {
        if kind != task.shape.style.kind() || payload != expected {
            return Err(format!("message {seen} differs").into());
        }
        seen += 1;
        if seen % task.count == 0 {
            let mut reply = Vec::new();
            write_message(&mut reply, Kind::Binary, 1, VERDICT);
            stream.write_all(&reply)?;
            stream.flush()?;
        }
        Ok(())
    })
}

fn echo(mut stream: impl Read + Write) -> Result<(), Fault> {
    let mut reply = Vec::new();
    each_frame(&mut stream, |stream, kind, payload| {
        reply.clear();
        write_message(&mut reply, kind, 1, payload);
        stream.write_all(&reply)?;
        Ok(stream.flush()?)
    })
}

/// Calls back with every message, unmasked, until the client closes.
fn each_frame<S: Read>(
    stream: &mut S,
    mut each: impl FnMut(&mut S, Kind, &[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut buffer = vec![0; 256 * 1024];
    let (mut start, mut end) = (0, 0);
    loop {
        while let Some(frame) = parse_masked(&buffer[start..end])? {
            let payload = start + frame.payload.start..start + frame.payload.end;
            mask(&mut buffer[payload.clone()], frame.key);
            start = payload.end;
            each(stream, frame.kind, &buffer[payload])?;
        }
        buffer.copy_within(start..end, 0);
        (start, end) = (0, end - start);
        if end == buffer.len() {
            buffer.resize(end * 2, 0);
        }
        match stream.read(&mut buffer[end..])? {
            0 => return Ok(()),
            read => end += read,
        }
    }
}

/// Bytes the flood hands to the kernel at once.
const FLOOD_WRITE: usize = 256 * 1024;
