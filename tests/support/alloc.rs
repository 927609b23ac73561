//! A global allocator that counts, by thread: tests run in parallel in one process, each on a
//! thread and a runtime of its own, and none sees what another allocates.

#![expect(
    unsafe_code,
    reason = "GlobalAlloc is an unsafe trait; the tests alone have it, and it forwards every call"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Counting;

/// What this thread has allocated.
#[derive(Debug, Clone, Copy)]
struct Counters {
    calls: u64,
    live: i64,
    peak: i64,
}

thread_local! {
    static COUNTERS: Cell<Counters> = const {
        Cell::new(Counters { calls: 0, live: 0, peak: 0 })
    };
}

fn count(calls: u64, grown: usize, shrunk: usize) {
    // A thread that is being torn down has no counters any more, and nobody who reads them.
    let _ = COUNTERS.try_with(|cell| {
        let mut counters = cell.get();
        counters.calls += calls;
        counters.live += i64::try_from(grown).unwrap_or(i64::MAX);
        // Before the old block of a `realloc` goes: it may have to be copied.
        counters.peak = counters.peak.max(counters.live);
        counters.live -= i64::try_from(shrunk).unwrap_or(i64::MAX);
        cell.set(counters);
    });
}

// SAFETY: every call goes to the system's allocator with its arguments as they came, and what it
// gives is given on; the counters are plain cells of the thread and allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc`, which is passed on unchanged.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), 0);
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, 0, layout.size());
        // SAFETY: `block` came from `System` with this layout, as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(1, new_size, layout.size());
        // SAFETY: as for `dealloc`; `new_size` keeps the caller's promise too.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

/// A measurement of this thread's allocations, from its making on.
#[derive(Debug)]
pub(crate) struct Meter {
    calls: u64,
    live: i64,
}

impl Meter {
    pub(crate) fn start() -> Self {
        COUNTERS.with(|cell| {
            let mut counters = cell.get();
            counters.peak = counters.live;
            cell.set(counters);
            Self {
                calls: counters.calls,
                live: counters.live,
            }
        })
    }

    /// How often the allocator was asked for memory.
    pub(crate) fn allocations(&self) -> u64 {
        COUNTERS.get().calls - self.calls
    }

    /// How many bytes more are held now than at the start.
    pub(crate) fn live(&self) -> i64 {
        COUNTERS.get().live - self.live
    }

    /// The most that was held at any moment above what was held at the start, in bytes.
    pub(crate) fn peak(&self) -> i64 {
        COUNTERS.get().peak - self.live
    }
}
