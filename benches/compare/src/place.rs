//! Which processor a thread runs on.
//!
//! Where the scheduler puts client and server decides over a small round trip (on one core or on two, on one that sleeps
//! or not) by a factor of three. So each gets a core of its own for as long as the machine has two: the client the
//! first it may use, all threads of the server the last.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// By the client of a mode that talks to the server, when the server has started: threads inherit what they start from.
pub fn client() {
    pin(|cpus| cpus.first().copied());
}

/// By each thread of the server that starts others.
pub fn server() {
    pin(|cpus| cpus.last().copied());
}

fn pin(choose: impl FnOnce(&[usize]) -> Option<usize>) {
    let Ok(allowed) = sched_getaffinity(None) else {
        return;
    };
    let cpus: Vec<_> = (0..CpuSet::MAX_CPU)
        .filter(|cpu| allowed.is_set(*cpu))
        .collect();
    if let Some(cpu) = choose(&cpus) {
        let mut one = CpuSet::new();
        one.set(cpu);
        // A machine that refuses measures all the same, only less evenly.
        let _ = sched_setaffinity(None, &one);
    }
}
