//! What a stretch of work cost: CPU time of this thread, wall time, allocations.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::alloc::Allocated;

/// Started just before the work, read just after it.
pub struct Clock {
    cpu: Duration,
    wall: Instant,
    allocated: Allocated,
}

/// The cost of `count` units of work.
#[derive(Clone, Default)]
pub struct Sample {
    pub count: usize,
    pub cpu: Duration,
    pub wall: Duration,
    pub allocated: Allocated,
    /// Round-trip times, where the row measures them.
    pub laps: Vec<Duration>,
    /// Bytes that were written, where the row asks how many.
    pub written: usize,
}

impl Clock {
    pub fn start() -> Self {
        let allocated = Allocated::now();
        let wall = Instant::now();
        Self {
            cpu: thread_cpu(),
            wall,
            allocated,
        }
    }

    pub fn stop(self, count: usize) -> Sample {
        let cpu = thread_cpu().saturating_sub(self.cpu);
        Sample {
            count,
            cpu,
            wall: self.wall.elapsed(),
            allocated: Allocated::now() - self.allocated,
            laps: Vec::new(),
            written: 0,
        }
    }
}

/// `CLOCK_THREAD_CPUTIME_ID`: time this thread ran, user and system, whatever else the machine does.
fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or_default(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}
