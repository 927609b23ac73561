//! Dropped futures: 100,000 random steps in which every method that waits is polled a few times and
//! then dropped, while the peer checks the order and the content of what it gets, and the client of
//! what it is given: on one stream, on its halves, and on halves that a task drives. What a dropped
//! future leaves is what its documentation says: a message is queued whole, or was not queued
//! because there was no room.

use std::collections::VecDeque;
use std::task::Poll;

use longwire::{CloseInfo, Config, Error, ErrorKind, Message, WsStream};
use tokio::task::unconstrained;

use crate::support::io::{Chaos, Cuts};
use crate::support::pipe::{Far, pipe};
use crate::support::random::Random;
use crate::support::run::paused;
use crate::support::scripted::upgraded;
use crate::support::subjects::{CODE, Driven, Pipe, REASON, Split, Subject};
use crate::support::wire::{self, ClientFrames, binary, close, continuation, ping, pong, text};

const STEPS: usize = 100_000;
const STEPS_OF_A_CONNECTION: usize = 1_000;

#[test]
fn dropped_futures_leave_the_stream_in_sync() {
    paused(unconstrained(run::<WsStream<Pipe>>()));
}

#[test]
fn dropped_futures_leave_the_halves_in_sync() {
    paused(unconstrained(run::<Split>()));
}

#[test]
fn dropped_futures_leave_halves_that_a_task_drives_in_sync() {
    paused(unconstrained(run::<Driven>()));
}

async fn run<S: Subject>() {
    let mut random = Random::new();
    let mut dropped = 0;
    for _ in 0..STEPS / STEPS_OF_A_CONNECTION {
        let mut client = Client::<S>::new(&mut random);
        for _ in 0..STEPS_OF_A_CONNECTION {
            client.step();
            client.server.step();
            S::others().await;
        }
        client.close().await;
        dropped += client.dropped;
    }
    // A test of dropping that never drops would show nothing.
    assert!(dropped > STEPS / 10, "only {dropped} futures were dropped");
}

/// Message `number`, whose content anyone can tell from its number.
fn content(number: usize) -> Message {
    let length = match number % 97 {
        0 => 40_000,
        1..8 => 3_000,
        rest => rest,
    };
    let content = format!("{number}:{}", "é".repeat(length / 2));
    if number % 2 == 0 {
        Message::from(content)
    } else {
        Message::from(content.into_bytes())
    }
}

/// The number of a message, whose content must be right.
fn number(message: &Message) -> usize {
    let digits: Vec<u8> = message
        .as_bytes()
        .iter()
        .copied()
        .take_while(u8::is_ascii_digit)
        .collect();
    let number = String::from_utf8(digits).unwrap().parse().unwrap();
    assert_eq!(*message, content(number), "the content of message {number}");
    number
}

struct Client<S> {
    subject: S,
    server: Server,
    random: Random,
    write_high_water: usize,
    /// The messages that the server has begun to send and that were not given yet.
    received: usize,
    next_number: usize,
    next_ping: usize,
    dropped: usize,
    closing: bool,
}

impl<S: Subject> Client<S> {
    fn new(random: &mut Random) -> Self {
        let (near, far) = pipe(50 + random.below(2_000));
        let io = Chaos::over(near)
            .read_cuts(Cuts::Random(random.fork(), 50 + random.below(5_000)))
            .write_cuts(Cuts::Random(random.fork(), 50 + random.below(3_000)))
            .not_ready_one_in(3, random.fork());
        let write_high_water = random.below(5_000);
        let mut config = Config::default().write_high_water(write_high_water);
        if random.one_in(2) {
            config = config.fragment_size(1 + random.below(2_000));
        }
        Self {
            subject: S::new(upgraded(io, config), random.fork()),
            server: Server::new(far, random.fork()),
            random: random.fork(),
            write_high_water,
            received: 0,
            next_number: 0,
            next_ping: 0,
            dropped: 0,
            closing: false,
        }
    }

    /// One call, polled a few times and then dropped.
    fn step(&mut self) {
        let polls = 1 + self.random.below(3);
        match self.random.below(11) {
            0..4 => match self.subject.next(polls) {
                Poll::Ready(Some(Ok(message))) => self.receive(&message),
                Poll::Ready(other) => panic!("an end in the middle: {other:?}"),
                Poll::Pending => self.dropped += 1,
            },
            4..8 => self.send(polls),
            8 => match self.subject.flush(polls) {
                Some(flushed) => flushed.unwrap(),
                None => self.dropped += 1,
            },
            9 => assert_eq!(self.subject.other(polls), None, "an end in the middle"),
            _ => {
                let payload = format!("{}", self.next_ping);
                self.next_ping += 1;
                let done = self.subject.ping(polls, payload);
                self.attempted(done);
            }
        }
    }

    fn send(&mut self, polls: usize) {
        let number = self.next_number;
        self.next_number += 1;
        let before = self.subject.stats().sent.messages;
        let done = self.subject.send(polls, content(number));
        let stats = self.subject.stats();
        if stats.sent.messages > before {
            self.server.promised.push_back(number);
        } else {
            assert!(!matches!(done, Some(Ok(()))), "done, and not queued");
            let is_full = stats.write_queue > self.write_high_water;
            let reason = done.is_some() || is_full || self.closing;
            assert!(reason, "dropped, and not queued");
        }
        self.attempted(done);
    }

    fn attempted(&mut self, done: Option<Result<(), Error>>) {
        match done {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                assert!(self.closing, "{error:?}");
                assert_eq!(error.kind(), ErrorKind::Closed);
            }
            None => self.dropped += 1,
        }
    }

    /// Messages come in order and without a gap, until a `close` begins to discard them.
    fn receive(&mut self, message: &Message) {
        let number = number(message);
        if self.closing {
            assert!(number >= self.received, "{number} behind {}", self.received);
        } else {
            assert_eq!(number, self.received);
        }
        self.received = number + 1;
    }

    /// Closes with dropped futures on the way, until the closing handshake is done.
    async fn close(&mut self) {
        self.closing = true;
        for _ in 0..100_000 {
            let polls = 1 + self.random.below(3);
            match self.random.below(8) {
                0 => match self.subject.next(polls) {
                    Poll::Ready(Some(Ok(message))) => self.receive(&message),
                    Poll::Ready(Some(Err(error))) => panic!("closing failed: {error:?}"),
                    Poll::Ready(None) => return self.judge_the_end().await,
                    Poll::Pending => self.dropped += 1,
                },
                1 => self.send(polls),
                2 => {
                    let done = self.subject.flush(polls);
                    self.attempted(done);
                }
                3 => {
                    let done = self.subject.start_close(polls);
                    self.attempted(done);
                }
                4 => drop(self.subject.other(polls)),
                _ => match self.subject.close(polls) {
                    Some(Ok(_)) => return self.judge_the_end().await,
                    Some(Err(error)) => panic!("closing failed: {error:?}"),
                    None => self.dropped += 1,
                },
            }
            self.server.step();
            S::others().await;
        }
        panic!("closing never ends");
    }

    /// What comes next, without a wait for anything but tasks of our own.
    async fn last(&mut self) -> Option<Message> {
        for _ in 0..100 {
            if let Poll::Ready(item) = self.subject.next(3) {
                return item.map(|message| message.expect("no error behind a clean close"));
            }
            S::others().await;
        }
        panic!("the end never comes");
    }

    async fn judge_the_end(&mut self) {
        let info = self.subject.close_info().expect("it is over");
        let CloseInfo { code, clean, .. } = info;
        assert_eq!((code, clean), (Some(CODE), true));
        assert_eq!(self.subject.other(1), Some(info));
        // What a task had read before the end is still given.
        while let Some(last) = self.last().await {
            self.receive(&last);
        }
        self.server.read_all();
        let server = &self.server;
        assert!(server.far.client_has_finished(), "no end of the transport");
        assert!(server.closed && !server.frames.inside_frame());
        assert!(
            server.promised.is_empty(),
            "queued, and never arrived: {:?}",
            server.promised
        );
    }
}

/// The peer, which sends numbered messages and judges what it gets.
struct Server {
    far: Far,
    random: Random,
    frames: ClientFrames,
    /// What is to be sent and has not been put into the pipe.
    outgoing: Vec<u8>,
    next_message: usize,
    next_ping: usize,
    /// The messages that were queued and have not come.
    promised: VecDeque<usize>,
    /// The message that is coming in fragments.
    partial: Option<(u8, Vec<u8>)>,
    last_ping: Option<usize>,
    last_pong: Option<usize>,
    closed: bool,
}

impl Server {
    fn new(far: Far, random: Random) -> Self {
        Self {
            far,
            random,
            frames: ClientFrames::default(),
            outgoing: Vec::new(),
            next_message: 0,
            next_ping: 0,
            promised: VecDeque::new(),
            partial: None,
            last_ping: None,
            last_pong: None,
            closed: false,
        }
    }

    fn step(&mut self) {
        if self.outgoing.len() < 10_000 && !self.closed {
            self.say_something();
        }
        let most = self.random.below(4_000).min(self.outgoing.len());
        self.far.put(&self.outgoing[..most]);
        self.outgoing.drain(..most);
        if self.closed && self.outgoing.is_empty() {
            self.far.finish();
        }
        let most = self.random.below(6_000);
        self.read(most);
    }

    fn say_something(&mut self) {
        if self.random.one_in(3) {
            self.say_ping();
        }
        let message = content(self.next_message);
        self.next_message += 1;
        let first = if message.is_text() { text } else { binary };
        let bytes = message.as_bytes();
        if self.random.one_in(2) {
            self.outgoing.extend(first(bytes).bytes());
            return;
        }
        let (head, tail) = bytes.split_at(self.random.below(bytes.len() + 1));
        self.outgoing.extend(first(head).more().bytes());
        self.say_ping();
        self.outgoing.extend(continuation(tail).bytes());
    }

    fn say_ping(&mut self) {
        let payload = self.next_ping.to_string();
        self.next_ping += 1;
        self.outgoing.extend(ping(payload).bytes());
    }

    fn read_all(&mut self) {
        self.read(usize::MAX);
    }

    fn read(&mut self, most: usize) {
        self.frames.push(&self.far.take(most));
        while let Some(frame) = self.frames.next() {
            let parsed = || -> usize {
                let digits = std::str::from_utf8(&frame.payload).unwrap();
                digits.parse().expect("a number")
            };
            match frame.opcode {
                wire::PING => {
                    // A sender's own Pings carry a number behind a name.
                    let number = match frame.payload.strip_prefix(b"longwire") {
                        Some(number) => u64::from_be_bytes(number.try_into().unwrap()),
                        None => parsed() as u64,
                    };
                    let number = usize::try_from(number).unwrap();
                    if number == 1 {
                        // They begin anew with every split.
                        self.last_ping = None;
                    }
                    rises(&mut self.last_ping, number);
                    self.outgoing.extend(pong(frame.payload).bytes());
                }
                wire::PONG => {
                    assert!(parsed() < self.next_ping, "a Pong for no Ping");
                    rises(&mut self.last_pong, parsed());
                }
                wire::CLOSE => {
                    assert_eq!(frame.close_code_and_reason(), Some((CODE.0, REASON)));
                    assert!(self.partial.is_none(), "a Close inside a message");
                    self.closed = true;
                    self.outgoing.extend(close(CODE.0, "").bytes());
                }
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

    /// A message of the client is whole: the one that was queued next.
    fn judge(&mut self) {
        let (opcode, bytes) = self.partial.take().unwrap();
        let message = if opcode == wire::TEXT {
            Message::from(String::from_utf8(bytes).expect("text"))
        } else {
            Message::from(bytes)
        };
        let number = number(&message);
        assert_eq!(Some(number), self.promised.pop_front());
    }
}

#[track_caller]
fn rises(last: &mut Option<usize>, number: usize) {
    assert!(
        last.is_none_or(|last| last < number),
        "{number} behind {last:?}"
    );
    *last = Some(number);
}
