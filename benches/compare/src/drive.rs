//! An executor of ten lines, for work whose stream is never waiting for anything outside.
//!
//! A runtime's own loop costs more than what is measured here (a system call each time it parks), so the in-memory
//! modes poll their future directly. A future that is pending and has not been woken can never go on: that is an error
//! of the contestant or of the bench, and ends the run instead of hanging it.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use crate::library::Fault;

/// Polls to the end.
///
/// # Errors
///
/// Those of the future, and a stall: pending with no wake-up.
pub fn drive<T>(future: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&flag));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        if !flag.0.swap(false, Ordering::Relaxed) {
            return Err("stalled: pending, and nothing has woken the task".into());
        }
    }
}

/// Work behind a pointer, once a run: whatever surrounds it, the compiler makes the same code of it. Without this, a row
/// added for one contestant moves another by a third, as inlining goes one way or the other.
pub fn apart<'a, T>(work: impl Future<Output = T> + 'a) -> Pin<Box<dyn Future<Output = T> + 'a>> {
    Box::pin(work)
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
