//! Who is waiting for the socket.
//!
//! A socket remembers one waker for each direction. Reading also writes (Pongs, Close frames) and
//! closing also reads, and the two halves of a split stream may live on two tasks; so whoever waits
//! hands the socket a waker that wakes both.

use std::sync::Arc;
use std::task::{Wake, Waker};

/// On whose behalf the stream is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Receives messages.
    Reader,
    /// Sends, flushes or closes.
    Writer,
}

/// The last waker of each role.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Wakes both; made when they are two tasks, dropped when either changes.
    both: Option<Waker>,
    /// Whether a timer that is kept has the waker that it is to have.
    pub(super) told: bool,
    /// Nobody is ever forgotten: each waker stands for several tasks, of which some always may wait.
    kept: bool,
}

impl Wakers {
    /// For tasks that share the stream under a lock and keep account of themselves who waits.
    pub(super) fn kept(reader: Waker, writer: Waker) -> Self {
        Self {
            reader: Some(reader),
            writer: Some(writer),
            both: None,
            told: false,
            kept: true,
        }
    }

    /// Whether the stream is shared by halves.
    pub(super) fn are_kept(&self) -> bool {
        self.kept
    }

    /// Remembers who polls, and gives the waker that the socket and the timers are to get.
    pub(super) fn register(&mut self, role: Role, waker: &Waker) -> &Waker {
        let slot = match role {
            Role::Reader => &mut self.reader,
            Role::Writer => &mut self.writer,
        };
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *slot = Some(waker.clone());
            self.both = None;
            self.told = false;
        }
        match (&self.reader, &self.writer) {
            (Some(reader), Some(writer)) if !reader.will_wake(writer) => {
                self.both.get_or_insert_with(|| {
                    Arc::new(Both {
                        reader: reader.clone(),
                        writer: writer.clone(),
                    })
                    .into()
                })
            }
            (Some(only), _) | (None, Some(only)) => only,
            // Not reached: the slot of `role` has just been filled.
            (None, None) => Waker::noop(),
        }
    }

    /// Remembers who polls; the waker that the socket is to get instead of `waker`, if two tasks wait.
    #[inline]
    pub(super) fn instead_of(&mut self, role: Role, waker: &Waker) -> Option<Waker> {
        let (own, other) = match role {
            Role::Reader => (&self.reader, &self.writer),
            Role::Writer => (&self.writer, &self.reader),
        };
        let is_known = own.as_ref().is_some_and(|known| known.will_wake(waker));
        if is_known && other.is_none() {
            return None;
        }
        self.look_for_another(role, waker)
    }

    #[inline(never)]
    fn look_for_another(&mut self, role: Role, waker: &Waker) -> Option<Waker> {
        let registered = self.register(role, waker);
        (!registered.will_wake(waker)).then(|| registered.clone())
    }

    /// `role` no longer waits.
    #[inline]
    pub(super) fn forget(&mut self, role: Role) {
        let slot = match role {
            Role::Reader => &mut self.reader,
            Role::Writer => &mut self.writer,
        };
        if slot.is_some() && !self.kept {
            *slot = None;
            self.both = None;
            self.told = false;
        }
    }

    /// There is something to do for whoever polls next.
    pub(super) fn wake(&self) {
        for waker in [&self.reader, &self.writer].into_iter().flatten() {
            waker.wake_by_ref();
        }
    }

    /// `role` has changed something that the other may be waiting for.
    #[inline]
    pub(super) fn wake_other(&self, role: Role) {
        if let (Some(reader), Some(writer)) = (&self.reader, &self.writer) {
            if !reader.will_wake(writer) {
                match role {
                    Role::Reader => writer.wake_by_ref(),
                    Role::Writer => reader.wake_by_ref(),
                }
            }
        }
    }

    /// Something has changed that whoever waits for a message must look at.
    pub(super) fn wake_reader(&self) {
        if let Some(reader) = &self.reader {
            reader.wake_by_ref();
        }
    }
}

struct Both {
    reader: Waker,
    writer: Waker,
}

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.reader.wake_by_ref();
        self.writer.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn two_tasks_share_one_waker_and_one_task_keeps_its_own() {
        let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
        let [reader, writer] = counts.clone().map(Waker::from);
        let woken = || {
            counts
                .each_ref()
                .map(|count| count.0.load(Ordering::Relaxed))
        };

        let mut wakers = Wakers::default();
        for role in [Role::Reader, Role::Reader, Role::Writer, Role::Reader] {
            assert!(wakers.instead_of(role, &reader).is_none());
            assert!(wakers.register(role, &reader).will_wake(&reader));
        }
        wakers.wake_other(Role::Writer);
        assert_eq!(woken(), [0, 0], "one task need not wake itself");

        wakers.register(Role::Writer, &writer).wake_by_ref();
        assert_eq!(woken(), [1, 1]);
        wakers.register(Role::Reader, &reader).wake_by_ref();
        assert_eq!(woken(), [2, 2]);
        for (role, waker) in [(Role::Reader, &reader), (Role::Writer, &writer)] {
            wakers.instead_of(role, waker).unwrap().wake();
        }
        assert_eq!(woken(), [4, 4]);
        wakers.wake_other(Role::Reader);
        assert_eq!(woken(), [4, 5]);

        wakers.forget(Role::Writer);
        assert!(wakers.register(Role::Reader, &reader).will_wake(&reader));
    }

    #[test]
    fn a_task_that_polls_with_another_waker_is_woken_by_that_one() {
        let counts = [0; 3].map(|_| Arc::new(Count::default()));
        let [reader, writer, moved] = counts.clone().map(Waker::from);
        let mut wakers = Wakers::default();
        for (role, waker) in [
            (Role::Reader, &reader),
            (Role::Writer, &writer),
            (Role::Reader, &moved),
        ] {
            wakers.register(role, waker);
        }
        wakers.register(Role::Writer, &writer).wake_by_ref();
        let woken = counts
            .each_ref()
            .map(|count| count.0.load(Ordering::Relaxed));
        assert_eq!(woken, [0, 1, 1]);
    }
}
