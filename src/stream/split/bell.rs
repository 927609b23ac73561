//! Who waits for a connection that several tasks share, and how they are woken outside of its lock.
//!
//! The connection, the socket below it and the timers are only ever given the wakers of this bell,
//! which never change. To wake a task may run anything, such as a destructor that wants the lock of
//! the connection; so whoever holds that lock first notes what rang, and wakes when it has let go.

use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};

use super::sync::{AtomicU8, Mutex, MutexGuard, Ordering};

/// The tasks that wait for one connection.
#[derive(Debug, Default)]
pub(super) struct Bell {
    /// [`INSIDE`], and what rang since somebody went inside.
    bits: AtomicU8,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    reader: Option<Waker>,
    /// By seat: a sender's number as long as it lives.
    senders: Vec<Option<Waker>>,
}

/// Who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Reader,
    /// The sender in this seat.
    Sender(usize),
}

/// What rang while somebody was inside, for [`Bell::deliver`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rung(u8);

impl Bell {
    /// The wakers that ring for the reader and for all senders.
    pub(super) fn wakers(self: &Arc<Self>) -> [Waker; 2] {
        [READER, SENDERS].map(|whom| {
            let bell = Arc::clone(self);
            Arc::new(Rope { bell, whom }).into()
        })
    }

    /// The connection's lock is held from here on: what rings waits.
    pub(super) fn enter(&self) {
        // What rang outside is delivered by whoever rang, and this side sees what they did before.
        self.bits.swap(INSIDE, Ordering::AcqRel);
    }

    /// Called inside, for a task that is going to wait: whatever rings later will wake it, and what
    /// has rung since [`enter`](Self::enter) too. Gives what is to be dropped outside.
    pub(super) fn register(&self, who: Who, waker: &Waker) -> Option<Waker> {
        let mut waiting = self.lock();
        let slot = waiting.slot(who);
        match slot {
            Some(known) if known.will_wake(waker) => None,
            _ => slot.replace(waker.clone()),
        }
    }

    /// Called inside: nobody waits there any more. Gives what is to be dropped outside.
    pub(super) fn forget(&self, who: Who) -> Option<Waker> {
        self.lock().slot(who).take()
    }

    /// Called inside, by somebody who has changed what others wait for.
    pub(super) fn ring_senders(&self) {
        self.bits.fetch_or(SENDERS, Ordering::AcqRel);
    }

    /// As [`ring_senders`](Self::ring_senders), for the reader.
    pub(super) fn ring_reader(&self) {
        self.bits.fetch_or(READER, Ordering::AcqRel);
    }

    /// Called as the last thing inside. Once the lock is free, [`deliver`](Self::deliver) follows.
    pub(super) fn leave(&self) -> Rung {
        Rung(self.bits.swap(0, Ordering::AcqRel) & !INSIDE)
    }

    /// Wakes those for whom it rang. Each of them looks again, and waits again if it has to.
    pub(super) fn deliver(&self, rung: Rung) {
        if rung.0 == 0 {
            return;
        }
        let mut waiting = self.lock();
        let reader = waiting.reader.take_if(|_| rung.0 & READER != 0);
        let mut senders = Vec::new();
        if rung.0 & SENDERS != 0 {
            senders.extend(waiting.senders.iter_mut().filter_map(Option::take));
        }
        drop(waiting);
        for waker in reader.into_iter().chain(senders) {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that is done under this lock can leave it half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn slot(&mut self, who: Who) -> &mut Option<Waker> {
        match who {
            Who::Reader => &mut self.reader,
            Who::Sender(seat) => {
                if self.senders.len() <= seat {
                    self.senders.resize(seat + 1, None);
                }
                &mut self.senders[seat]
            }
        }
    }
}

/// What rings the bell.
struct Rope {
    bell: Arc<Bell>,
    whom: u8,
}

impl Wake for Rope {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Written also when nobody is inside: whoever enters next then sees what led to this.
        let before = self.bell.bits.fetch_or(self.whom, Ordering::AcqRel);
        if before & INSIDE == 0 {
            self.bell.deliver(Rung(self.whom));
        }
    }
}

/// Somebody holds the connection's lock, and will look at what rang when it lets go.
const INSIDE: u8 = 1;
const READER: u8 = 2;
const SENDERS: u8 = 4;

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_waits_is_woken_once_and_only_when_nobody_is_inside() {
        let counts: [Arc<Count>; 3] = Default::default();
        let [own_reader, one, two] = counts.clone().map(Waker::from);
        let woken = || {
            let count = |count: &Arc<Count>| count.0.load(Ordering::Relaxed);
            counts.each_ref().map(count)
        };
        let bell = Arc::new(Bell::default());
        let [reader, senders] = bell.wakers();

        bell.enter();
        assert!(bell.register(Who::Reader, &own_reader).is_none());
        assert!(bell.register(Who::Sender(3), &one).is_none());
        assert!(bell.register(Who::Sender(3), &one).is_none());
        senders.wake_by_ref();
        assert_eq!(woken(), [0, 0, 0]);
        let rung = bell.leave();
        assert_eq!(woken(), [0, 0, 0]);
        bell.deliver(rung);
        assert_eq!(woken(), [0, 1, 0]);

        bell.enter();
        bell.register(Who::Sender(0), &one);
        assert!(bell.register(Who::Sender(0), &two).is_some());
        bell.register(Who::Sender(1), &one);
        assert!(bell.forget(Who::Sender(1)).is_some());
        bell.deliver(bell.leave());
        assert_eq!(woken(), [0, 1, 0], "nothing rang");
        reader.wake_by_ref();
        assert_eq!(woken(), [1, 1, 0]);
        senders.wake();
        reader.wake();
        assert_eq!(woken(), [1, 1, 1]);
    }
}
