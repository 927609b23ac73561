//! Calls in any order, each polled a few times and then dropped, while a server says whatever it
//! likes: what comes is in order and whole, on both sides, and everything ends.

mod peer;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use longwire::{CloseCode, Config, Error, ErrorKind, Message, MessageRef, WsStream};
use tokio::task::unconstrained;

use self::peer::Peer;
use crate::finish;
use crate::input::Input;
use crate::pipe::{Near, pipe};

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (near, far) = pipe(1 + 4 * input.number());
    let mut config = Config::default().write_high_water(4 * input.number());
    if let fragment @ 1.. = input.number() {
        config = config.fragment_size(fragment);
    }
    let mut client = Client {
        ws: WsStream::from_upgraded(near, Bytes::new(), config),
        peer: Peer::new(far),
        next_number: 0,
        discards: false,
        failed: false,
        ended: false,
        late: false,
    };
    finish(unconstrained(async {
        while !input.is_empty() {
            client.step(&mut input).await;
        }
        client.end().await;
    }));
}

struct Client {
    ws: WsStream<Near>,
    peer: Peer,
    next_number: usize,
    /// Whether `close` has begun, which discards what still arrives.
    discards: bool,
    failed: bool,
    ended: bool,
    /// Whether time has passed, and with it perhaps a deadline.
    late: bool,
}

impl Client {
    async fn step(&mut self, input: &mut Input<'_>) {
        let operation = input.byte();
        let polls = 1 + usize::from(operation >> 4) % 4;
        let ws = &mut self.ws;
        match operation % 16 {
            0 | 1 => {
                if let Some(item) = polled(polls, ws.next()) {
                    self.take(item);
                }
            }
            2 => self.batch(polls, input.number()),
            3..=5 => self.send(operation % 16, polls, 8 * input.number()),
            6 => {
                if let Some(Err(error)) = polled(polls, ws.flush()) {
                    self.refused(&error);
                }
            }
            7 => {
                if let Some(Err(error)) = polled(polls, ws.ping(input.bytes(20))) {
                    self.refused(&error);
                }
            }
            8 => {
                self.discards = true;
                match polled(polls, ws.close(CloseCode(4000), "enough")) {
                    Some(Ok(_)) => self.ended = true,
                    Some(Err(error)) if error.kind() == ErrorKind::Closed => {}
                    Some(Err(error)) => self.fail(&error),
                    None => {}
                }
            }
            9 => {
                let starting = ws.start_close(CloseCode(4001), "");
                if let Some(Err(error)) = polled(polls, starting) {
                    self.refused(&error);
                }
            }
            10 | 11 => self.peer.say(input.byte(), 16 * input.number()),
            12 => {
                self.peer.listen(16 * input.number());
            }
            13 => self.peer.babble(input.bytes(usize::from(operation >> 4))),
            14 if operation >> 4 == 15 => self.peer.finish(),
            14 => tokio::task::yield_now().await,
            _ => {
                self.late = true;
                let milliseconds = 25 * u64::from(input.byte());
                tokio::time::advance(Duration::from_millis(milliseconds)).await;
            }
        }
    }

    /// Takes at most `most` messages of a batch, and leaves the rest to whatever comes next.
    fn batch(&mut self, polls: usize, most: usize) {
        let mut messages = Vec::new();
        let end = match polled(polls, self.ws.next_batch()) {
            None => return,
            Some(None) => Some(None),
            Some(Some(Err(error))) => Some(Some(Err(error))),
            Some(Some(Ok(batch))) => {
                messages.extend(batch.take(most).map(|message| match message {
                    MessageRef::Text(text) => Message::from(text),
                    MessageRef::Binary(bytes) => Message::from(bytes.to_vec()),
                }));
                None
            }
        };
        for message in messages {
            self.take(Some(Ok(message)));
        }
        if let Some(end) = end {
            self.take(end);
        }
    }

    fn send(&mut self, way: u8, polls: usize, length: usize) {
        let number = self.next_number;
        self.next_number += 1;
        let message = content(number, length);
        let ws = &mut self.ws;
        let sent = match (way, &message) {
            (3, _) => polled(polls, ws.send(message)),
            (4, _) => polled(polls, ws.feed(message)),
            (_, Message::Text(text)) => polled(polls, ws.send_text(text)),
            (_, Message::Binary(bytes)) => polled(polls, ws.send_binary(bytes)),
        };
        match sent {
            Some(Ok(())) if way != 4 => self.peer.promise(number),
            Some(Err(error)) => self.refused(&error),
            _ => {}
        }
    }

    /// What `next` gave.
    fn take(&mut self, item: Option<Result<Message, Error>>) {
        assert!(!self.ended || item.is_none(), "{item:?} behind the end");
        match item {
            Some(Ok(message)) => {
                assert!(!self.failed, "{message:?} behind an error");
                self.peer.given(&message, self.discards);
            }
            Some(Err(error)) => self.fail(&error),
            None => self.ended = true,
        }
    }

    fn fail(&mut self, error: &Error) {
        assert!(!self.failed, "a second error: {error:?}");
        self.failed = true;
    }

    /// A call was refused: the closing handshake must have begun, by whomever, or all be over. Who
    /// waits for the server to take something may also be told that it is gone, as `next` is.
    fn refused(&self, error: &Error) {
        match error.kind() {
            ErrorKind::Closed => {}
            ErrorKind::NoPong | ErrorKind::Stalled if self.late => {}
            _ => panic!("refused by {error:?}"),
        }
    }

    /// The server takes everything and ends: the client's end comes, and what was sent has arrived.
    async fn end(mut self) {
        self.peer.finish();
        while !self.ended {
            let item = poll_fn(|cx| {
                let polled = pin!(self.ws.next()).poll(cx);
                // What was heard has made room for more.
                if self.peer.listen(usize::MAX) && polled.is_pending() {
                    cx.waker().wake_by_ref();
                }
                polled
            });
            let item = item.await;
            self.take(item);
        }
        let clean = self.ws.close_info().expect("how it ended").clean;
        let refused = self.ws.send("late").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Closed);
        self.peer.judge_the_end(clean && !self.late);
    }
}

/// Message `number`, whose content anyone can tell from its number and its length.
fn content(number: usize, length: usize) -> Message {
    let content = format!("{number}:{}", "é".repeat(length / 2));
    if number.is_multiple_of(2) {
        Message::from(content)
    } else {
        Message::from(content.into_bytes())
    }
}

/// Polls a future so many times, and then drops it.
fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..times {
        if let Poll::Ready(done) = future.as_mut().poll(&mut cx) {
            return Some(done);
        }
    }
    None
}
