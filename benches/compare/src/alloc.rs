//! A global allocator that counts, per thread, what goes through it.
//!
//! Two thread-local additions a call (about a nanosecond) are what every contestant pays alike; shared atomics would
//! cost ten times that and fall on those who allocate most. `realloc` and `alloc_zeroed` are passed on as they are,
//! since the defaults of the trait would copy and zero where the system allocator does not.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ops::Sub,
};

/// What this thread has asked for since it began.
#[derive(Clone, Copy, Default)]
pub struct Allocated {
    /// Calls that gave memory: allocations and those that grew one.
    pub count: u64,
    /// Bytes those calls asked for.
    pub bytes: u64,
    /// Bytes allocated and not yet given back. A thread that frees what another allocated can make it negative.
    pub live: i64,
}

impl Allocated {
    pub fn now() -> Self {
        ALLOCATED.with(Cell::get)
    }
}

impl Sub for Allocated {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            count: self.count - earlier.count,
            bytes: self.bytes - earlier.bytes,
            live: self.live - earlier.live,
        }
    }
}

thread_local! {
    // `const` and without a destructor: reachable from inside the allocator at any time of a thread's life.
    static ALLOCATED: Cell<Allocated> = const {
        Cell::new(Allocated { count: 0, bytes: 0, live: 0 })
    };
}

#[global_allocator]
static GLOBAL: Counting = Counting;

struct Counting;

fn note(count: u64, bytes: usize, live: i64) {
    ALLOCATED.with(|cell| {
        let mut all = cell.get();
        all.count += count;
        all.bytes += bytes as u64;
        all.live += live;
        cell.set(all);
    });
}

fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

#[expect(
    unsafe_code,
    reason = "a global allocator cannot be written without: the trait is unsafe"
)]
// SAFETY: every call is handed to `System` with its arguments unchanged, so the contract of `GlobalAlloc` is kept by it;
// the counting touches nothing but a `Cell` of plain integers and cannot allocate or unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size(), signed(layout.size()));
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size(), signed(layout.size()));
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        note(0, 0, -signed(layout.size()));
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let grown = size.saturating_sub(layout.size());
        note(
            u64::from(grown > 0),
            grown,
            signed(size) - signed(layout.size()),
        );
        // SAFETY: as above.
        unsafe { System.realloc(ptr, layout, size) }
    }
}
