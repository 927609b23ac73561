//! Each way to use a connection, with futures that are polled a few times and then dropped.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures::{SinkExt, StreamExt};
use longwire::{CloseCode, CloseInfo, Error, Inbox, Message, WsReceiver, WsSender, WsStream};
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
    fn close(
        &mut self,
        polls: usize,
        code: CloseCode,
        reason: &str,
    ) -> Option<Result<CloseInfo, Error>>;
    fn close_info(&self) -> Option<CloseInfo>;

    /// Lets other tasks run, where there are any.
    fn others() -> impl Future<Output = ()> {
        std::future::ready(())
    }
}

impl Subject for WsStream<Pipe> {
    fn new(ws: WsStream<Pipe>, _: Random) -> Self {
        ws
    }

    fn next(&mut self, polls: usize) -> Poll<Option<Result<Message, Error>>> {
        given(polled(polls, self.next()))
    }

    fn send(&mut self, polls: usize, message: Message) -> Option<Result<(), Error>> {
        match (message.len() % 4, &message) {
            (0, _) => polled(polls, self.send(message)),
            (1, _) => polled(polls, self.feed(message)),
            (2, Message::Text(text)) => polled(polls, self.send_text(text)),
            (2, Message::Binary(bytes)) => polled(polls, self.send_binary(bytes)),
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

    fn close(
        &mut self,
        polls: usize,
        code: CloseCode,
        reason: &str,
    ) -> Option<Result<CloseInfo, Error>> {
        polled(polls, self.close(code, reason))
    }

    fn close_info(&self) -> Option<CloseInfo> {
        self.close_info().cloned()
    }
}

/// The halves of a stream: a few clones, of which a random one is used.
pub(crate) struct Halves {
    senders: Vec<WsSender<Pipe>>,
    receiver: WsReceiver<Pipe>,
    random: Random,
}

impl Halves {
    fn of((sender, receiver): (WsSender<Pipe>, WsReceiver<Pipe>), random: Random) -> Self {
        Self {
            senders: vec![sender.clone(), sender.clone(), sender],
            receiver,
            random,
        }
    }

    /// A random clone; now and then a new one in the place of an old one.
    fn sender(&mut self) -> &mut WsSender<Pipe> {
        let which = self.random.below(self.senders.len());
        if self.random.one_in(10) {
            self.senders[which] = self.receiver.sender();
        }
        &mut self.senders[which]
    }
}

impl Subject for Halves {
    fn new(ws: WsStream<Pipe>, random: Random) -> Self {
        Self::of(ws.split(), random)
    }

    fn next(&mut self, polls: usize) -> Poll<Option<Result<Message, Error>>> {
        if self.random.one_in(2) {
            return given(polled(polls, StreamExt::next(&mut self.receiver)));
        }
        given(polled(polls, self.receiver.next()))
    }

    fn send(&mut self, polls: usize, message: Message) -> Option<Result<(), Error>> {
        let way = self.random.below(9);
        let sender = self.sender();
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
            // Reserved, and not used.
            (6, _) => polled(polls, sender.reserve())?.err().map(Err),
            (7, _) => polled(polls, SinkExt::send(sender, message)),
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

    fn close(
        &mut self,
        polls: usize,
        code: CloseCode,
        reason: &str,
    ) -> Option<Result<CloseInfo, Error>> {
        if self.random.one_in(2) {
            return polled(polls, self.receiver.close(code, reason));
        }
        polled(polls, self.sender().close(code, reason))
    }

    fn close_info(&self) -> Option<CloseInfo> {
        self.receiver.close_info()
    }
}

/// The halves of a stream that a task drives.
pub(crate) struct Driven(Halves);

impl Subject for Driven {
    fn new(ws: WsStream<Pipe>, mut random: Random) -> Self {
        let inbox = Inbox::default().max_messages(1 + random.below(20));
        Self(Halves::of(ws.spawn(inbox), random))
    }

    fn next(&mut self, polls: usize) -> Poll<Option<Result<Message, Error>>> {
        self.0.next(polls)
    }

    fn send(&mut self, polls: usize, message: Message) -> Option<Result<(), Error>> {
        self.0.send(polls, message)
    }

    fn flush(&mut self, polls: usize) -> Option<Result<(), Error>> {
        self.0.flush(polls)
    }

    fn ping(&mut self, polls: usize, payload: String) -> Option<Result<(), Error>> {
        self.0.ping(polls, payload)
    }

    fn close(
        &mut self,
        polls: usize,
        code: CloseCode,
        reason: &str,
    ) -> Option<Result<CloseInfo, Error>> {
        self.0.close(polls, code, reason)
    }

    fn close_info(&self) -> Option<CloseInfo> {
        self.0.close_info()
    }

    async fn others() {
        yield_now().await;
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
