//! How a test runs: on one thread, with a limit on everything, so that nothing can hang.

use std::future::Future;
use std::process;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;

/// Runs a test with a clock that jumps to the next deadline whenever nothing else can happen:
/// for transports in memory, where a wait of an hour costs nothing.
pub(crate) fn paused<T>(test: impl Future<Output = T>) -> T {
    run(true, Duration::from_secs(24 * 3600), test)
}

/// Runs a test with the real clock: for sockets.
pub(crate) fn real<T>(test: impl Future<Output = T>) -> T {
    run(false, Duration::from_secs(60), test)
}

fn run<T>(start_paused: bool, limit: Duration, test: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(start_paused)
        .build()
        .unwrap();
    let _watched = watch();
    // Boxed: a test's future may be large, and the deadline would move it about.
    let test = Box::pin(test);
    runtime.block_on(async { timeout(limit, test).await.expect("the test hangs") })
}

/// Ends the process if the sender is not dropped in time: the last resort against a poll that
/// never returns, which no timer of the same thread can notice.
fn watch() -> mpsc::Sender<()> {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let (alive, watched) = mpsc::channel();
    thread::spawn(move || {
        let waited = watched.recv_timeout(Duration::from_secs(180));
        if waited == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("{name} never returned");
            process::exit(70);
        }
    });
    alive
}
