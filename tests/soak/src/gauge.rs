//! What the process holds: memory, file descriptors, tasks.

use std::fmt;
use std::fs;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

/// Above this much more memory than at the start, something is kept that should not be. An allocator
/// alone moves within it.
const MORE_MEMORY: i64 = 4 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    tasks: usize,
}

/// What was held at the start, when nothing was under way.
pub(crate) struct Gauge {
    held: Held,
    memory: i64,
}

/// What is held now, and was at the start.
pub(crate) struct Verdict {
    before: Gauge,
    after: Gauge,
}

impl Gauge {
    /// Waits until what was under way has ended: no more changes for a while, which the other side of
    /// each connection needs to learn of its end.
    pub(crate) async fn start() -> Self {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut held = Held::now();
        let mut since = Instant::now();
        while since.elapsed() < Duration::from_millis(300) && Instant::now() < deadline {
            sleep(Duration::from_millis(20)).await;
            if held != Held::now() {
                (held, since) = (Held::now(), Instant::now());
            }
        }
        Self {
            held,
            memory: resident(),
        }
    }

    pub(crate) async fn read(self) -> Verdict {
        let after = Self::start().await;
        Verdict {
            before: self,
            after,
        }
    }
}

impl Held {
    fn now() -> Self {
        Self {
            // Less the one that reads the folder.
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count() - 1,
            tasks: Handle::current().metrics().num_alive_tasks(),
        }
    }
}

/// Memory that is resident, in bytes.
fn resident() -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kibibytes.unwrap().parse::<i64>().unwrap() << 10
}

impl Verdict {
    pub(crate) fn is_flat(&self) -> bool {
        self.after.held == self.before.held && self.more_memory() <= MORE_MEMORY
    }

    fn more_memory(&self) -> i64 {
        self.after.memory - self.before.memory
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = (&self.before, &self.after);
        write!(
            f,
            "{} to {} KiB, {} to {} descriptors, {} to {} tasks: {}",
            before.memory >> 10,
            after.memory >> 10,
            before.held.descriptors,
            after.held.descriptors,
            before.held.tasks,
            after.held.tasks,
            if self.is_flat() { "flat" } else { "NOT FLAT" },
        )
    }
}
