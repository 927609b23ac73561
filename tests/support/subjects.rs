//! Each way to use a connection, with futures that are polled a few times and then dropped.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures::{SinkExt, StreamExt};
use longwire::{
    CloseCode, CloseInfo, Error, Inbox, Message, MessageRef, SendOptions, Stats, WsReceiver,
    WsSender, WsStream,
};
use tokio::task::yield_now;

use super::io::Chaos;
use super::pipe::Near;
use super::random::Random;

pub(crate) type Pipe = Chaos<Near>;

/// Something that is polled so many times on each call, and gives nothing if it was then dropped.
pub(crate) trait Subject {
    fn new(ws: WsStream<Pipe>, random: Random) -> Self;
    fn next(&mut self, polls: usize) -> Poll<Option<Result<Message, Error>>>;
    fn send(&mut self, polls: usize, message: Message) -> Option<Result<(), Error>>;
    fn flush(&mut self, polls: usize) -> Option<Result<(), Error>>;
    fn ping(&mut self, polls: usize, payload: String) -> Option<Result<(), Error>>;
    fn start_close(&mut self, polls: usize) -> Option<Result<(), Error>>;
    fn close(&mut self, polls: usize) -> Option<Result<CloseInfo, Error>>;
    fn close_info(&self) -> Option<CloseInfo>;
    fn stats(&self) -> Stats;

    /// Something else that may be done at any time and changes nothing; says whether the connection
    /// has ended, if that is how it is asked.
    fn other(&mut self, polls: usize) -> Option<CloseInfo>;

    /// Lets other tasks run, where there are any.
    fn others() -> impl Future<Output = ()> {
        std::future::ready(())
    }
}

/// How every connection is closed.
pub(crate) const CODE: CloseCode = CloseCode(4321);
pub(crate) const REASON: &str = "enough";

impl Subject for WsStream<Pipe> {
    fn new(ws: WsStream<Pipe>, _: Random) -> Self {
        ws
    }

    fn next(&mut self, polls: usize) -> Poll<Option<Result<Message, Error>>> {
        if self.stats().received.messages % 2 == 0 {
            return given(polled(polls, self.next()));
        }
        // A batch of which nothing is taken changes nothing.
        let _ = polled(polls, self.next_batch()).map(|batch| batch.map(|batch| batch.map(drop)));
        match polled(polls, self.next_batch()) {
            None => Poll::Pending,
            Some(None) => Poll::Ready(None),
            Some(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            Some(Some(Ok(mut batch))) => Poll::Ready(batch.next().map(|message| {
                Ok(match message {
                    MessageRef::Text(text) => Message::from(text),
                    MessageRef::Binary(bytes) => Message::from(bytes.to_vec()),
                })
            })),
        }
    }

    fn send(&mut self, polls: usize, message: Message) -> Option<Result<(), Error>> {
        let options = SendOptions::default();
        match (message.len() % 7, &message) {
            (0, _) => polled(polls, self.send(message)),
            (1, _) => polled(polls, self.feed(message)),
            (2, _) => polled(polls, self.send_with(message, options)),
            (3, _) => polled(polls, self.feed_with(message, options)),
            (4, _) => polled(polls, SinkExt::send(self, message)),
            (5, Message::Text(text)) => polled(polls, self.send_text(text)),
            (5, Message::Binary(bytes)) => polled(polls, self.send_binary(bytes)),
            (_, Message::Text(text)) => polled(polls, self.feed_text(text)),
            (_, Message::Binary(bytes)) => polled(polls, self.feed_binary(bytes)),
        }
    }

    fn flush(&mut self, polls: usize) -> Option<Result<(), Error>> {
        polled(polls, self.flush())
    }

    fn ping(&mut self, polls: usize, payload: String) -> Option<Result<(), Error>> {
        polled(polls, self.ping(payload))
    }

    fn start_close(&mut self, polls: usize) -> Option<Result<(), Error>> {
        polled(polls, self.start_close(CODE, REASON))
    }

    fn close(&mut self, polls: usize) -> Option<Result<CloseInfo, Error>> {
        polled(polls, self.close(CODE, REASON))
    }

    fn close_info(&self) -> Option<CloseInfo> {
        self.close_info().cloned()
    }

    fn stats(&self) -> Stats {
        self.stats()
    }

    fn other(&mut self, _: usize) -> Option<CloseInfo> {
        self.close_info().cloned()
    }
}

/// The halves of a stream that no task drives.
pub(crate) type Split = Halves<false>;

/// The halves of a stream that a task drives.
pub(crate) type Driven = Halves<true>;

/// Halves: a few clones, of which a random one is used.
pub(crate) struct Halves<const DRIVEN: bool> {
    senders: Vec<WsSender<Pipe>>,
    /// Always there, but while halves are reunited.
    receiver: Option<WsReceiver<Pipe>>,
    random: Random,
}

impl<const DRIVEN: bool> Halves<DRIVEN> {
    fn receiver(&mut self) -> &mut WsReceiver<Pipe> {
        self.receiver.as_mut().unwrap()
    }

    /// A random clone; now and then a new one in the place of an old one.
    fn sender(&mut self) -> &mut WsSender<Pipe> {
        let which = self.random.below(self.senders.len());
        if self.random.one_in(10) {
            self.senders[which] = self.receiver().sender();
        }
        &mut self.senders[which]
    }

    /// One stream again, if no task drives it, and split again.
    fn reunite(&mut self) {
        let sender = self.senders.pop().unwrap();
        let receiver = self.receiver.take().unwrap();
        let refused = receiver.reunite(sender).unwrap_err();
        // Now there is no clone.
        self.senders.clear();
        let (sender, receiver) = refused.into_halves();
        let (sender, receiver) = match receiver.reunite(sender) {
            Ok(ws) => {
                assert!(!DRIVEN, "taken from the task");
                ws.split()
            }
            Err(refused) => {
                assert!(DRIVEN, "not reunited");
                refused.into_halves()
            }
        };
        self.senders = vec![sender.clone(), sender.clone(), sender];
        self.receiver = Some(receiver);
    }
}

impl<const DRIVEN: bool> Subject for Halves<DRIVEN> {
    fn new(ws: WsStream<Pipe>, mut random: Random) -> Self {
        let (sender, receiver) = if DRIVEN {
            ws.spawn(Inbox::default().max_messages(1 + random.below(20)))
        } else {
            ws.split()
        };
        Self {
            senders: vec![sender.clone(), sender.clone(), sender],
            receiver: Some(receiver),
            random,
        }
    }

    fn next(&mut self, polls: usize) -> Poll<Option<Result<Message, Error>>> {
        if self.random.one_in(2) {
            return given(polled(polls, StreamExt::next(self.receiver())));
        }
        given(polled(polls, self.receiver().next()))
    }

    fn send(&mut self, polls: usize, message: Message) -> Option<Result<(), Error>> {
        let way = self.random.below(10);
        let sender = self.sender();
        let options = SendOptions::default();
        match (way, &message) {
            (0, _) => polled(polls, sender.send(message)),
            (1, _) => polled(polls, sender.feed(message)),
            (2, Message::Text(text)) => polled(polls, sender.send_text(text)),
            (2, Message::Binary(bytes)) => polled(polls, sender.send_binary(bytes)),
            (3, Message::Text(text)) => polled(polls, sender.feed_text(text)),
            (3, Message::Binary(bytes)) => polled(polls, sender.feed_binary(bytes)),
            (4, _) => sender.try_send(message).is_ok().then_some(Ok(())),
            (5, _) => match polled(polls, sender.reserve())? {
                Ok(permit) => Some(permit.send(message)),
                Err(error) => Some(Err(error)),
            },
            (6, _) => polled(polls, sender.send_with(message, options)),
            (7, _) => polled(polls, sender.feed_with(message, options)),
            (8, _) => polled(polls, SinkExt::send(sender, message)),
            (_, _) => {
                let cx = &mut Context::from_waker(Waker::noop());
                let ready = futures::Sink::poll_ready(Pin::new(&mut *sender), cx);
                ready.is_ready().then(|| sender.start_send_unpin(message))
            }
        }
    }

    fn flush(&mut self, polls: usize) -> Option<Result<(), Error>> {
        if self.random.one_in(2) {
            return polled(polls, SinkExt::flush(self.sender()));
        }
        polled(polls, self.sender().flush())
    }

    fn ping(&mut self, polls: usize, _: String) -> Option<Result<(), Error>> {
        polled(polls, self.sender().ping()).map(|done| done.map(|_| ()))
    }

    fn start_close(&mut self, polls: usize) -> Option<Result<(), Error>> {
        if self.random.one_in(2) {
            return polled(polls, self.receiver().start_close(CODE, REASON));
        }
        polled(polls, self.sender().start_close(CODE, REASON))
    }

    fn close(&mut self, polls: usize) -> Option<Result<CloseInfo, Error>> {
        if self.random.one_in(2) {
            return polled(polls, self.receiver().close(CODE, REASON));
        }
        polled(polls, self.sender().close(CODE, REASON))
    }

    fn close_info(&self) -> Option<CloseInfo> {
        self.senders[0].close_info()
    }

    fn stats(&self) -> Stats {
        self.senders[0].stats()
    }

    fn other(&mut self, polls: usize) -> Option<CloseInfo> {
        match self.random.below(8) {
            0 => self.reunite(),
            // Reserved, and not used.
            1 | 2 => drop(polled(polls, self.sender().reserve())),
            _ => {}
        }
        polled(polls, self.sender().closed())
    }

    async fn others() {
        if DRIVEN {
            yield_now().await;
        }
    }
}

/// Polls a future so many times, and then drops it.
pub(crate) fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..times {
        if let Poll::Ready(done) = future.as_mut().poll(&mut cx) {
            return Some(done);
        }
    }
    None
}

fn given<T>(polled: Option<T>) -> Poll<T> {
    polled.map_or(Poll::Pending, Poll::Ready)
}
