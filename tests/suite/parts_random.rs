//! Sending in parts by futures and writers that are dropped at any poll, over a transport that cuts and
//! stalls, among whole messages, Pings both ways, and messages that come.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use longwire::bytes::Bytes;
use longwire::{Config, Message, MessageKind, WsStream};
use tokio::io::AsyncWrite;
use tokio::task::unconstrained;

use crate::support::io::{Chaos, Cuts};
use crate::support::pipe::{Far, pipe};
use crate::support::random::Random;
use crate::support::run::paused;
use crate::support::scripted::upgraded;
use crate::support::subjects::{Pipe, polled};
use crate::support::wire::{self, ClientFrames, ping};

const CONNECTIONS: usize = 60;
const STEPS: usize = 400;

#[test]
fn dropped_writers_leave_every_message_as_it_was_made() {
    paused(unconstrained(async {
        let mut random = Random::new();
        let mut dropped = 0;
        let mut messages = 0;
        for _ in 0..CONNECTIONS {
            let mut client = Client::new(&mut random);
            for _ in 0..STEPS {
                client.step();
                client.server.step();
            }
            client.finish();
            dropped += client.dropped;
            messages += client.server.received;
        }
        assert!(dropped > CONNECTIONS * STEPS / 20, "{dropped}");
        assert!(messages > CONNECTIONS * STEPS / 20, "{messages}");
    }));
}

struct Client {
    ws: WsStream<Pipe>,
    server: Server,
    random: Random,
    /// The message that is being sent: its kind, what it is to be, and how much of that was queued.
    open: Option<(MessageKind, Vec<u8>, usize)>,
    received: usize,
    dropped: usize,
}

impl Client {
    fn new(random: &mut Random) -> Self {
        let (near, far) = pipe(50 + random.below(5_000));
        let io = Chaos::over(near)
            .read_cuts(Cuts::Random(random.fork(), 50 + random.below(1_000)))
            .write_cuts(Cuts::Random(random.fork(), 50 + random.below(3_000)))
            .not_ready_one_in(3, random.fork());
        let mut config = Config::default().write_high_water(random.below(5_000));
        if random.one_in(2) {
            config = config.fragment_size(1 + random.below(2_000));
        }
        Self {
            ws: upgraded(io, config),
            server: Server::new(far, random.fork()),
            random: random.fork(),
            open: None,
            received: 0,
            dropped: 0,
        }
    }

    /// One call, polled a few times and then dropped.
    fn step(&mut self) {
        let polls = 1 + self.random.below(3);
        match self.random.below(8) {
            0 => match polled(polls, self.ws.next()) {
                Some(item) => {
                    let number = self.received.to_string();
                    assert_eq!(item.unwrap().unwrap().as_text(), Some(&*number));
                    self.received += 1;
                }
                None => self.dropped += 1,
            },
            1 => match polled(polls, self.ws.flush()) {
                Some(flushed) => flushed.unwrap(),
                None => self.dropped += 1,
            },
            2 => self.dropped += usize::from(polled(polls, self.ws.ping("ours")).is_none()),
            _ => self.send(polls),
        }
    }

    fn send(&mut self, polls: usize) {
        if self.open.is_none() {
            let message = self.message();
            if self.random.one_in(3) {
                match polled(polls, self.ws.feed(message.clone())) {
                    Some(done) => {
                        done.unwrap();
                        self.server.due.push_back(message);
                    }
                    None => self.dropped += 1,
                }
                return;
            }
            self.open = Some((message.kind(), message.into_bytes().to_vec(), 0));
        }
        let Some((kind, content, queued)) = &mut self.open else {
            return;
        };
        let mut writer = if *queued == 0 {
            assert!(self.ws.resume_parts().is_none());
            self.ws.send_parts(*kind)
        } else {
            self.ws.resume_parts().expect("it is not finished")
        };
        assert_eq!(writer.kind(), *kind);
        let left = &content[*queued..];
        if left.is_empty() {
            // Its end is queued by the first poll.
            let finished = polled(polls, writer.finish());
            self.dropped += usize::from(finished.is_none());
            finished.unwrap_or(Ok(())).unwrap();
            let (kind, content, _) = self.open.take().unwrap();
            self.server.due.push_back(match kind {
                MessageKind::Text => Message::from(String::from_utf8(content).unwrap()),
                MessageKind::Binary => Message::from(content),
            });
            return;
        }
        let chunk = &left[..=self.random.below(left.len())];
        if self.random.one_in(2) {
            match polled(polls, writer.feed(Bytes::copy_from_slice(chunk))) {
                Some(done) => {
                    done.unwrap();
                    *queued += chunk.len();
                }
                None => self.dropped += 1,
            }
            return;
        }
        let cx = &mut Context::from_waker(Waker::noop());
        match Pin::new(&mut writer).poll_write(cx, chunk) {
            Poll::Ready(count) => *queued += count.unwrap(),
            Poll::Pending => self.dropped += 1,
        }
    }

    fn message(&mut self) -> Message {
        let length = match self.random.below(10) {
            0 => 0,
            1 => self.random.below(100_000),
            2..5 => self.random.below(5_000),
            _ => self.random.below(100),
        };
        if self.random.one_in(2) {
            Message::from(self.random.text(length))
        } else {
            Message::from(self.random.bytes(length))
        }
    }

    /// Finishes what is open, and sends everything.
    fn finish(&mut self) {
        for _ in 0..1_000_000 {
            if self.open.is_some() {
                self.send(3);
            } else if matches!(polled(3, self.ws.flush()), Some(Ok(()))) && self.server.is_done() {
                return;
            }
            self.server.read(usize::MAX);
        }
        panic!("it never ends");
    }
}

/// The peer, which sends numbers and Pings, and judges what it gets.
struct Server {
    far: Far,
    random: Random,
    frames: ClientFrames,
    next_number: usize,
    /// What the client has sent and did not come yet.
    due: VecDeque<Message>,
    /// The message that is coming.
    partial: Option<(u8, Vec<u8>)>,
    received: usize,
}

impl Server {
    fn new(far: Far, random: Random) -> Self {
        Self {
            far,
            random,
            frames: ClientFrames::default(),
            next_number: 0,
            due: VecDeque::new(),
            partial: None,
            received: 0,
        }
    }

    fn step(&mut self) {
        if self.random.one_in(4) {
            self.far.put(&ping("theirs").bytes());
        }
        if self.random.one_in(8) {
            let number = self.next_number.to_string();
            self.next_number += 1;
            self.far.put(&wire::text(number).bytes());
        }
        let most = self.random.below(6_000);
        self.read(most);
    }

    fn is_done(&self) -> bool {
        self.due.is_empty() && self.partial.is_none() && !self.frames.inside_frame()
    }

    fn read(&mut self, most: usize) {
        self.frames.push(&self.far.take(most));
        while let Some(frame) = self.frames.next() {
            match frame.opcode {
                wire::PING => assert_eq!(frame.payload, b"ours"),
                wire::PONG => assert_eq!(frame.payload, b"theirs"),
                opcode => {
                    let (_, joined) = self.partial.get_or_insert((opcode, Vec::new()));
                    joined.extend(&frame.payload);
                    if frame.fin {
                        self.judge();
                    }
                }
            }
        }
    }

    fn judge(&mut self) {
        let (opcode, bytes) = self.partial.take().unwrap();
        let due = self.due.pop_front().expect("a message that was sent");
        assert_eq!(opcode == wire::TEXT, due.is_text());
        assert!(bytes == due.as_bytes());
        self.received += 1;
    }
}
