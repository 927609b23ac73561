//! The runtime of the client thread: current-thread, so that thread CPU time is all of a client's.

use std::{io, sync::OnceLock};

use tokio::runtime::{Builder, EnterGuard, Runtime};

use crate::library::Fault;

/// Makes the runtime and enters it: timers that libraries create in the in-memory modes need to find one.
///
/// # Errors
///
/// When the system has no event queue to give.
pub fn enter() -> io::Result<EnterGuard<'static>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(RUNTIME.get_or_init(|| runtime).enter())
}

/// Runs on the runtime to the end.
///
/// # Errors
///
/// Those of the future.
pub fn block_on<T>(future: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    RUNTIME
        .get()
        .ok_or("no runtime was entered")?
        .block_on(future)
}

static RUNTIME: OnceLock<Runtime> = OnceLock::new();
