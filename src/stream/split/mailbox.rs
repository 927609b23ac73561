//! What lies between the task that drives a connection and the half that receives.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use super::sync::{Mutex, MutexGuard};
use crate::error::Error;
use crate::message::Message;

/// A bounded queue of messages, and how it ends.
///
/// Wakers are called and dropped when its lock is free: they may run anything.
pub(super) struct Mailbox {
    max_messages: usize,
    max_bytes: usize,
    post: Mutex<Post>,
}

#[derive(Default)]
struct Post {
    waiting: VecDeque<Message>,
    bytes: usize,
    /// The number of the message in front: how many have left before it.
    first: u64,
    end: End,
    stats: InboxStats,
    /// The receiver has been dropped: nobody will take anything.
    abandoned: bool,
    receiver: Option<Waker>,
    driver: Option<Waker>,
}

#[derive(Default)]
enum End {
    #[default]
    Open,
    /// What is given behind the last message: an error, unless the end is clean.
    Due(Option<Error>),
    Over,
}

/// The counters of an [`Inbox`](crate::Inbox).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InboxStats {
    /// Messages that wait now: how far the application is behind.
    pub lag: usize,
    /// Bytes of payload in them.
    pub lag_bytes: usize,
    /// The most messages that ever waited.
    pub max_lag: usize,
    /// Messages for which there was no room at first: they waited outside, displaced others or were
    /// dropped.
    pub overflows: u64,
    /// Messages that were dropped.
    pub dropped: u64,
    /// Messages whose place a newer one of the same key has taken.
    pub conflated: u64,
}

impl Mailbox {
    pub(super) fn new(max_messages: usize, max_bytes: usize) -> Self {
        let post = Mutex::default();
        Self {
            max_messages,
            max_bytes,
            post,
        }
    }

    /// Puts a message last, if there is room, and gives its number.
    pub(super) fn append(&self, message: Message) -> Result<u64, Message> {
        let post = self.lock();
        if post.abandoned {
            return Ok(post.first);
        }
        if self.is_full(&post, message.len()) {
            return Err(message);
        }
        let number = post.first + post.waiting.len() as u64;
        Self::push(post, message);
        Ok(number)
    }

    /// Puts a message last, and as many as it takes make way for it in front.
    pub(super) fn displace(&self, message: Message) {
        let mut post = self.lock();
        if post.abandoned {
            return;
        }
        if self.is_full(&post, message.len()) {
            post.stats.overflows += 1;
        }
        while self.is_full(&post, message.len()) && post.take().is_some() {
            post.stats.dropped += 1;
        }
        Self::push(post, message);
    }

    /// Puts a message into the place of message `number`, if that still waits and if there is room
    /// for what the new one is larger by.
    pub(super) fn replace(&self, number: u64, message: Message) -> Result<(), Message> {
        let mut guard = self.lock();
        let post = &mut *guard;
        let at = number
            .checked_sub(post.first)
            .and_then(|at| usize::try_from(at).ok());
        let is_alone = post.waiting.len() == 1;
        let Some(old) = at.and_then(|at| post.waiting.get_mut(at)) else {
            return Err(message);
        };
        let bytes = (post.bytes - old.len()).saturating_add(message.len());
        if bytes > self.max_bytes && message.len() > old.len() && !is_alone {
            return Err(message);
        }
        post.bytes = bytes;
        post.stats.conflated += 1;
        *old = message;
        Ok(())
    }

    /// Counts a message that waits outside.
    pub(super) fn overflowed(&self) {
        self.lock().stats.overflows += 1;
    }

    /// Counts messages that found no room and were dropped for that.
    pub(super) fn dropped(&self, count: usize) {
        let stats = &mut self.lock().stats;
        stats.overflows += count as u64;
        stats.dropped += count as u64;
    }

    /// The driver waits until the receiver has taken something, or is gone. `Ready` when there is
    /// room already.
    pub(super) fn poll_room(&self, len: usize, cx: &mut Context<'_>) -> Poll<()> {
        let mut post = self.lock();
        if post.abandoned || !self.is_full(&post, len) {
            return Poll::Ready(());
        }
        let old = post.driver.replace(cx.waker().clone());
        drop(post);
        drop(old);
        Poll::Pending
    }

    /// How many messages can come before it is full; at least one is tried.
    pub(super) fn room(&self) -> usize {
        let post = self.lock();
        if post.abandoned {
            return usize::MAX;
        }
        self.max_messages.saturating_sub(post.waiting.len()).max(1)
    }

    /// The number of the message in front, and how many wait.
    pub(super) fn span(&self) -> (u64, usize) {
        let post = self.lock();
        (post.first, post.waiting.len())
    }

    /// No more messages come but these, for which room is made: they were read before the end.
    pub(super) fn finish(&self, last: VecDeque<Message>, error: Option<Error>) {
        let mut post = self.lock();
        if matches!(post.end, End::Open) {
            post.end = End::Due(error);
            if !post.abandoned {
                post.bytes += last.iter().map(Message::len).sum::<usize>();
                post.waiting.extend(last);
            }
        }
        Self::wake_receiver(post);
    }

    pub(super) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        let mut post = self.lock();
        if let Some(message) = post.take() {
            let driver = post.driver.take();
            drop(post);
            if let Some(driver) = driver {
                driver.wake();
            }
            return Poll::Ready(Some(Ok(message)));
        }
        match std::mem::replace(&mut post.end, End::Over) {
            End::Open => {
                post.end = End::Open;
                let old = post.receiver.replace(cx.waker().clone());
                drop(post);
                drop(old);
                Poll::Pending
            }
            End::Due(error) => Poll::Ready(error.map(Err)),
            End::Over => Poll::Ready(None),
        }
    }

    /// Whether everything has been taken, the end too.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.lock().end, End::Over)
    }

    /// Nobody will take anything any more.
    pub(super) fn abandon(&self) {
        let mut post = self.lock();
        post.abandoned = true;
        post.bytes = 0;
        let waiting = std::mem::take(&mut post.waiting);
        let wakers = (post.receiver.take(), post.driver.take());
        drop(post);
        if let Some(driver) = wakers.1 {
            driver.wake();
        }
        drop((waiting, wakers.0));
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.lock().abandoned
    }

    pub(super) fn stats(&self) -> InboxStats {
        let post = self.lock();
        InboxStats {
            lag: post.waiting.len(),
            lag_bytes: post.bytes,
            ..post.stats
        }
    }

    fn push(mut post: MutexGuard<'_, Post>, message: Message) {
        post.bytes += message.len();
        post.waiting.push_back(message);
        post.stats.max_lag = post.stats.max_lag.max(post.waiting.len());
        Self::wake_receiver(post);
    }

    fn wake_receiver(mut post: MutexGuard<'_, Post>) {
        let receiver = post.receiver.take();
        drop(post);
        if let Some(receiver) = receiver {
            receiver.wake();
        }
    }

    fn is_full(&self, post: &Post, len: usize) -> bool {
        post.waiting.len() >= self.max_messages
            || (!post.waiting.is_empty() && post.bytes.saturating_add(len) > self.max_bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Post> {
        // Nothing that is done under this lock can leave it half done.
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Post {
    fn take(&mut self) -> Option<Message> {
        let message = self.waiting.pop_front()?;
        self.first += 1;
        self.bytes -= message.len();
        if self.waiting.is_empty() {
            // An application that has caught up holds no memory of the time when it had not.
            self.waiting.shrink_to(KEPT);
        }
        Some(message)
    }
}

/// Room for messages that an empty inbox keeps.
const KEPT: usize = 32;
