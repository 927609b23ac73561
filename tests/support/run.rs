//! How a test runs: with a limit on everything, so that nothing can hang.

use std::env;
use std::future::Future;
use std::io::{self, Write};
use std::process;
use std::sync::{Once, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;

/// Runs a test on one thread, with a clock that jumps to the next deadline whenever nothing else can
/// happen: for transports in memory, where a wait of an hour costs nothing.
pub(crate) fn paused<T>(test: impl Future<Output = T>) -> T {
    let day = Duration::from_secs(24 * 3600);
    run(Builder::new_current_thread().start_paused(true), day, test)
}

/// Runs a test on one thread with the real clock: for sockets.
pub(crate) fn real<T>(test: impl Future<Output = T>) -> T {
    run(&mut Builder::new_current_thread(), LIMIT, test)
}

/// Runs a test with the real clock, its tasks on two threads.
pub(crate) fn threaded<T>(test: impl Future<Output = T>) -> T {
    run(Builder::new_multi_thread().worker_threads(2), LIMIT, test)
}

/// As [`threaded`], for tests that move much and can be told to move more.
pub(crate) fn hours<T>(test: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(3600);
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let test = Box::pin(test);
    runtime.block_on(async { timeout(limit, test).await.expect("the test hangs") })
}

/// Far above what any test of a socket takes.
const LIMIT: Duration = Duration::from_secs(30);

fn run<T>(builder: &mut Builder, limit: Duration, test: impl Future<Output = T>) -> T {
    clear_environment();
    let runtime = builder.enable_all().build().unwrap();
    let _watched = watch();
    // Boxed: a test's future may be large, and the deadline would move it about.
    let test = Box::pin(test);
    runtime.block_on(async { timeout(limit, test).await.expect("the test hangs") })
}

/// Tests that connect must not go through a proxy of whoever runs them. The environment of a process
/// with many threads cannot be changed, so a process that has such variables becomes one that starts
/// the tests anew without them, and says how they ended.
fn clear_environment() {
    static CLEARED: Once = Once::new();
    let names = ["http_proxy", "https_proxy", "all_proxy"].map(str::to_owned);
    let upper = names.clone().map(|name| name.to_uppercase());
    let names = [names, upper].concat();
    if names.iter().all(|name| env::var_os(name).is_none()) {
        return;
    }
    // Whoever else comes here waits until the process ends.
    CLEARED.call_once(|| {
        let mut anew = process::Command::new(env::current_exe().unwrap());
        for name in &names {
            anew.env_remove(name);
        }
        let _ = writeln!(io::stderr(), "the tests run anew without proxy variables");
        let ended = anew.args(env::args_os().skip(1)).status();
        process::exit(ended.unwrap().code().unwrap_or(70));
    });
}

/// Ends the process if the sender is not dropped in time: the last resort against a poll that
/// never returns, which no timer of the same thread can notice.
fn watch() -> mpsc::Sender<()> {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let (alive, watched) = mpsc::channel();
    thread::spawn(move || {
        let waited = watched.recv_timeout(Duration::from_secs(180));
        if waited == Err(mpsc::RecvTimeoutError::Timeout) {
            // Past the harness, which would keep it for a report that never comes.
            let _ = writeln!(io::stderr(), "{name} never returned");
            process::exit(70);
        }
    });
    alive
}
