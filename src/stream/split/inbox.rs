//! [`Inbox`]: where messages wait for an application that is busy, and what happens when it is full.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

use super::mailbox::Mailbox;
use crate::error::Error;
use crate::message::Message;

/// How messages wait for an application that is busy; for [`WsStream::spawn`](crate::WsStream::spawn).
///
/// The inbox is full when it holds [`max_messages`](Self::max_messages), or when one more message
/// would make it hold more than [`max_bytes`](Self::max_bytes); a message that is larger than that
/// by itself still gets in when nothing else waits. What is done then is the policy: one of
/// [`block`](Self::block) (the default), [`drop_oldest`](Self::drop_oldest),
/// [`drop_newest`](Self::drop_newest), [`conflate`](Self::conflate) and
/// [`disconnect`](Self::disconnect). [`WsReceiver::inbox`](crate::WsReceiver::inbox) has the
/// counters.
///
/// ```
/// # async fn example(ws: longwire::WsStream) {
/// use longwire::Inbox;
///
/// let (sender, receiver) = ws.spawn(Inbox::default().max_messages(100).drop_oldest());
/// # }
/// ```
pub struct Inbox {
    pub(super) max_messages: usize,
    pub(super) max_bytes: usize,
    pub(super) policy: Policy,
}

/// What to do with a message for which there is no room.
pub(super) enum Policy {
    Block,
    DropOldest,
    DropNewest,
    Conflate(Box<dyn Conflate>),
    Disconnect,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            max_messages: 1024,
            max_bytes: 16 << 20,
            policy: Policy::Block,
        }
    }
}

impl Inbox {
    /// How many messages may wait. Default: 1024.
    ///
    /// More of them bridge longer pauses of the application, and are older when it comes back.
    pub fn max_messages(mut self, count: usize) -> Self {
        self.max_messages = count;
        self
    }

    /// How many bytes of payload may wait. Default: 16 MiB.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// When the inbox is full, nothing more is read: the server cannot send faster than the
    /// application takes. Nothing is lost. This is the default.
    ///
    /// What stands behind the messages waits with them, Pings and the server's Close frame too. A
    /// server that is gone is noticed all the same ([`Liveness`](crate::Liveness)), and what had
    /// arrived is given before the error; as long as more waits to be read than a buffer holds,
    /// nothing can be said of it.
    pub fn block(mut self) -> Self {
        self.policy = Policy::Block;
        self
    }

    /// When the inbox is full, the message that has waited longest makes way.
    pub fn drop_oldest(mut self) -> Self {
        self.policy = Policy::DropOldest;
        self
    }

    /// When the inbox is full, what arrives is dropped.
    pub fn drop_newest(mut self) -> Self {
        self.policy = Policy::DropNewest;
        self
    }

    /// A message takes the place of the one of the same key that still waits, full or not: of each
    /// key the application gets the newest. Messages without a key are all kept. When the inbox is
    /// full with messages of other keys, or a message is larger than the old one by more bytes than
    /// there is room for, it [blocks](Self::block).
    ///
    /// ```
    /// use longwire::Inbox;
    ///
    /// // "BTC 67000.1": only the last price of each symbol counts.
    /// let inbox = Inbox::default().conflate(|message| {
    ///     let (symbol, _price) = message.as_text()?.split_once(' ')?;
    ///     Some(symbol.to_owned())
    /// });
    /// ```
    pub fn conflate<K>(mut self, key: impl FnMut(&Message) -> Option<K> + Send + 'static) -> Self
    where
        K: Hash + Eq + Send + 'static,
    {
        let places = HashMap::new();
        self.policy = Policy::Conflate(Box::new(Conflater { key, places }));
        self
    }

    /// When the inbox is full, the connection is closed with code 1008 (policy violation). What waits
    /// is still given, and then an error of kind
    /// [`SlowConsumer`](crate::ErrorKind::SlowConsumer).
    pub fn disconnect(mut self) -> Self {
        self.policy = Policy::Disconnect;
        self
    }

    /// The setting that makes no sense, by name.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.max_messages == 0 {
            return Err(Error::config(
                "Inbox::max_messages is 0: no message could ever be received",
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = match self.policy {
            Policy::Block => "block",
            Policy::DropOldest => "drop_oldest",
            Policy::DropNewest => "drop_newest",
            Policy::Conflate(_) => "conflate",
            Policy::Disconnect => "disconnect",
        };
        f.debug_struct("Inbox")
            .field("max_messages", &self.max_messages)
            .field("max_bytes", &self.max_bytes)
            .field("policy", &policy)
            .finish()
    }
}

/// Puts a message into the mailbox in the place of one of the same key; gives it back when it
/// would need room of its own and there is none.
pub(super) trait Conflate: Send {
    fn put(&mut self, message: Message, mailbox: &Mailbox) -> Result<(), Message>;
}

struct Conflater<K, F> {
    key: F,
    /// The number of the last message of each key; some have been taken since.
    places: HashMap<K, u64>,
}

impl<K, F> Conflate for Conflater<K, F>
where
    K: Hash + Eq + Send,
    F: FnMut(&Message) -> Option<K> + Send,
{
    fn put(&mut self, mut message: Message, mailbox: &Mailbox) -> Result<(), Message> {
        let Some(key) = (self.key)(&message) else {
            return mailbox.append(message).map(|_| ());
        };
        if let Some(place) = self.places.get(&key) {
            match mailbox.replace(*place, message) {
                Ok(()) => return Ok(()),
                // The old one has been taken meanwhile, or the new one is larger and finds no room.
                Err(returned) => message = returned,
            }
        }
        let place = mailbox.append(message)?;
        self.places.insert(key, place);
        let (first, count) = mailbox.span();
        if self.places.len() > 2 * count + KEYS_KEPT {
            // A server that never repeats a key shall not make this grow.
            self.places.retain(|_, place| *place >= first);
        }
        Ok(())
    }
}

/// Keys of messages that have been taken, before they are forgotten.
const KEYS_KEPT: usize = 64;
