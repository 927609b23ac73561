//! What libFuzzer mutates, one module for each target: each has a function `run` that takes an
//! input and panics where a promise is broken.
//!
//! An input begins with a few bytes of settings, read by [`input::Input`]; the rest is what the
//! peer sends, the URL, or the sequence of calls. So that a seed can be written by hand, and a
//! mutation changes one thing.

pub mod codec;
pub mod extensions;
pub mod inflate;
pub mod operations;
pub mod proxy;
pub mod response;
pub mod stream;
pub mod url;
pub mod utf8;

mod input;
mod outcome;
mod reference;
mod script;

// The servers of the crate's tests: independent of its own codec.
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/support/pipe.rs"]
mod pipe;
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/support/request.rs"]
mod request;
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/support/wire.rs"]
mod wire;

use std::cell::OnceCell;
use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

/// Runs a future to its end, with a clock that jumps to the next deadline whenever nothing else can
/// happen. One that would wait for ever panics.
fn finish<T>(future: impl Future<Output = T>) -> T {
    let day = Duration::from_secs(24 * 3600);
    RUNTIME.with(|cell| {
        let runtime = cell.get_or_init(|| {
            let mut builder = Builder::new_current_thread();
            builder.enable_all().start_paused(true).build().unwrap()
        });
        runtime.block_on(async {
            let finished = tokio::time::timeout(day, future).await;
            finished.expect("it waits for ever")
        })
    })
}
