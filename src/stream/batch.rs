//! Receiving in batches: the messages that are already here, lent instead of given.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};

use super::WsStream;
use super::receiving::{STREAK, Step, TURN};
use super::stats::Traffic;
use super::wakers::Role;
use crate::error::Error;
use crate::frame::Opcode;
use crate::message::Message;
use crate::protocol::{Protocol, WholeMessage};
use crate::utf8;

/// Messages that have arrived together, lent by [`WsStream::next_batch`].
///
/// An iterator over them. What is not taken stays in the stream and comes next, from
/// [`next_batch`](WsStream::next_batch) or from [`next`](WsStream::next).
#[derive(Debug)]
pub struct Batch<'a> {
    /// A message that does not lie in the read buffer; it comes first, and alone.
    held: Option<&'a Message>,
    held_taken: &'a mut bool,
    /// What has been read and not taken.
    unread: &'a [u8],
    /// How much of the read buffer has been taken.
    start: &'a mut usize,
    protocol: &'a Protocol,
    traffic: &'a mut Traffic,
    received_at: Instant,
}

/// A message that is lent: good as long as its [`Batch`]'s stream is not used otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "as exhaustive as Message is")]
pub enum MessageRef<'a> {
    /// Text: always valid UTF-8.
    Text(&'a str),
    /// Bytes that mean what the application says they mean.
    Binary(&'a [u8]),
}

impl<T: AsyncRead + AsyncWrite + Unpin> WsStream<T> {
    /// The messages that are already here, lent; waits for the first. `None` once the connection
    /// has ended.
    ///
    /// For feeds: payloads are looked at where they were read, with no allocation and no reference
    /// count for each, and it is known when they arrived. A message that came in several frames, or
    /// was large, makes a batch of its own.
    ///
    /// ```
    /// # async fn example(ws: &mut longwire::WsStream) -> Result<(), longwire::Error> {
    /// use longwire::MessageRef;
    ///
    /// while let Some(batch) = ws.next_batch().await {
    ///     // Of several quotes that came at once only the last one still counts.
    ///     if let Some(MessageRef::Text(quote)) = batch?.last() {
    ///         println!("{quote}");
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next), after all messages before the error.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is lost when the future or the batch is dropped.
    pub async fn next_batch(&mut self) -> Option<Result<Batch<'_>, Error>> {
        if let Err(error) = poll_fn(|cx| self.poll_batch(cx)).await? {
            return Some(Err(error));
        }
        let lent = self.lent();
        let (unread, start) = self.read.lend();
        Some(Ok(Batch {
            held: self.held.as_deref(),
            held_taken: &mut self.held_taken,
            unread: &unread[..lent.unwrap_or(unread.len())],
            start,
            protocol: &self.protocol,
            traffic: &mut self.stats.received,
            received_at: self.read_at.unwrap_or_else(Instant::now),
        }))
    }

    /// Ready when there is a batch to lend.
    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<(), Error>>> {
        if self.held_taken {
            self.take_held();
        }
        if self.held.is_some() {
            return Poll::Ready(Some(Ok(())));
        }
        if self.streak >= STREAK {
            self.streak = 0;
            return self.take_turns(Role::Reader, cx);
        }
        for _ in 0..TURN {
            if self.lies_ready() {
                self.note_arrival();
                return Poll::Ready(Some(Ok(())));
            }
            match ready!(self.poll_step(Role::Reader, cx)) {
                Step::Again => {}
                Step::Give(Some(Ok(message))) => {
                    self.note_arrival();
                    self.hold(message);
                    return Poll::Ready(Some(Ok(())));
                }
                Step::Give(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Step::Give(None) => return Poll::Ready(None),
            }
        }
        self.take_turns(Role::Reader, cx)
    }

    /// Whether the read buffer begins with a message that can be lent.
    fn lies_ready(&mut self) -> bool {
        if self.filters() {
            self.drop_answers();
        }
        let unread = self.read.unread();
        let Some(whole) = self.protocol.whole_message(unread) else {
            return false;
        };
        // What is no text is found again, and failed, on the long way.
        let is_text = whole.opcode == Opcode::Text;
        if is_text && whole.payload.len() > CHECKED_TWICE {
            let (len, taken) = (whole.payload.len(), whole.taken);
            let Some(message) = self.share(Opcode::Text, len, taken) else {
                return false;
            };
            self.hold(message);
            return true;
        }
        let lent = !is_text || utf8::text(whole.payload).is_some();
        self.streak += u16::from(lent);
        lent
    }

    /// How much of what has been read a batch may lend, if not all of it: up to the next answer to the
    /// application's ping.
    fn lent(&self) -> Option<usize> {
        if !self.filters() {
            return None;
        }
        let unread = self.read.unread();
        let mut end = 0;
        while let Some(whole) = self.protocol.whole_message(&unread[end..]) {
            if whole.opcode == Opcode::Text
                && utf8::text(whole.payload).is_some_and(|text| self.watch.is_answer(text))
            {
                break;
            }
            end += whole.taken;
        }
        Some(end)
    }

    /// One arrival time for each read that completes a message; where `next` has read before, the time it is first looked at.
    fn note_arrival(&mut self) {
        if std::mem::take(&mut self.read.fresh) {
            self.read_at = Some(Instant::now());
        }
    }
}

impl Batch<'_> {
    /// When the messages were read from the transport; those that [`next`](WsStream::next) had read
    /// before and left, when the first batch of them was lent.
    pub fn received_at(&self) -> Instant {
        self.received_at
    }
}

impl<'a> Iterator for Batch<'a> {
    type Item = MessageRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<MessageRef<'a>> {
        if let Some(message) = self.held.take() {
            *self.held_taken = true;
            self.unread = &[];
            return Some(message.into());
        }
        let WholeMessage {
            opcode,
            payload,
            taken,
        } = self.protocol.whole_message(self.unread)?;
        let message = match opcode {
            Opcode::Binary => MessageRef::Binary(payload),
            // A text that is none is not lent: the next call finds it and fails the connection.
            _ => MessageRef::Text(utf8::text(payload)?),
        };
        self.unread = &self.unread[taken..];
        *self.start += taken;
        self.traffic.message(payload.len());
        Some(message)
    }
}

impl<'a> MessageRef<'a> {
    /// The text, if this is a text message.
    pub const fn as_text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The payload of either kind.
    pub const fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl<'a> From<&'a Message> for MessageRef<'a> {
    fn from(message: &'a Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text),
            Message::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

/// Copies the payload.
impl From<MessageRef<'_>> for Message {
    fn from(message: MessageRef<'_>) -> Self {
        match message {
            MessageRef::Text(text) => text.into(),
            MessageRef::Binary(bytes) => bytes.to_vec().into(),
        }
    }
}

/// A batch begins with a text that has been checked, and checks it again when it lends it; one that is
/// longer is held instead, which costs an allocation.
const CHECKED_TWICE: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::config::Config;

    /// A stream to which these bytes have come, and after them the end of the transport.
    fn stream(bytes: &'static [u8]) -> WsStream<tokio::io::Empty> {
        WsStream::from_upgraded(
            tokio::io::empty(),
            Bytes::from_static(bytes),
            Config::default(),
        )
    }

    #[tokio::test]
    async fn what_is_not_taken_comes_next() {
        let mut ws = stream(b"\x81\x01a\x82\x01b\x81\x01c\x81\x01d");
        let mut batch = ws.next_batch().await.unwrap().unwrap();
        assert_eq!(batch.next(), Some(MessageRef::Text("a")));
        assert_eq!(batch.next(), Some(MessageRef::Binary(b"b")));
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::from("c"));
        let batch = ws.next_batch().await.unwrap().unwrap();
        assert_eq!(batch.collect::<Vec<_>>(), [MessageRef::Text("d")]);
        assert_eq!(ws.stats().received.messages, 4);
    }

    #[tokio::test]
    async fn a_message_of_several_frames_is_a_batch_of_its_own() {
        let mut ws = stream(b"\x81\x01a\x01\x01b\x80\x01c\x81\x01d");
        let texts = |batch: Batch<'_>| {
            batch
                .filter_map(|m| m.as_text().map(str::to_owned))
                .collect()
        };
        let first: Vec<String> = texts(ws.next_batch().await.unwrap().unwrap());
        assert_eq!(first, ["a"]);
        // Not taken: it comes again, from either method.
        assert_eq!(
            ws.next_batch()
                .await
                .unwrap()
                .unwrap()
                .received_at()
                .elapsed()
                .as_secs(),
            0
        );
        let second: Vec<String> = texts(ws.next_batch().await.unwrap().unwrap());
        assert_eq!(second, ["bc"]);
        let third: Vec<String> = texts(ws.next_batch().await.unwrap().unwrap());
        assert_eq!(third, ["d"]);
    }

    #[tokio::test]
    async fn a_held_message_that_was_not_taken_is_given_by_next() {
        let mut ws = stream(b"\x01\x01b\x80\x01c\x81\x01d");
        ws.next_batch().await.unwrap().unwrap();
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::from("bc"));
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::from("d"));

        let mut ws = stream(b"\x01\x01b\x80\x01c\x81\x01d");
        assert_eq!(ws.next_batch().await.unwrap().unwrap().count(), 1);
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::from("d"));
    }

    #[tokio::test]
    async fn a_long_text_is_lent_between_short_ones() {
        let long = "x".repeat(CHECKED_TWICE + 1);
        let mut bytes = b"\x81\x01a\x81\x7e".to_vec();
        bytes.extend(u16::try_from(long.len()).unwrap().to_be_bytes());
        bytes.extend([long.as_bytes(), b"\x81\x01b"].concat());
        let mut ws = WsStream::from_upgraded(tokio::io::empty(), bytes.into(), Config::default());
        let mut seen = Vec::new();
        while let Some(Ok(batch)) = ws.next_batch().await {
            seen.extend(batch.map(Message::from));
        }
        assert_eq!(seen, ["a", &long, "b"].map(Message::from));
        assert_eq!(ws.stats().received.messages, 3);
    }

    #[tokio::test]
    async fn an_error_comes_after_the_messages_before_it() {
        let mut ws = stream(b"\x81\x01a\x81\x01\xff\x81\x01b");
        assert_eq!(ws.next_batch().await.unwrap().unwrap().count(), 1);
        let error = ws.next_batch().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Utf8);
        assert!(ws.next_batch().await.is_none());
    }
}
