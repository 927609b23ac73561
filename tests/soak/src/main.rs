//! Much work for a long time, over sockets of the loopback: every message must come back as it was,
//! and memory, file descriptors and tasks must stay as they are.
//!
//! ```text
//! longwire-soak [PERCENT]
//! ```
//!
//! All of it is ten million small messages and two thousand of 1 MiB over four links, and twenty
//! thousand connections that are dropped at any moment. Linux only: it reads `/proc/self`.

mod churn;
mod gauge;
mod links;
mod server;

// What the tests of the crate use, independent of its own codec.
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../support/random.rs"]
mod random;
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../support/request.rs"]
mod request;

use std::process::ExitCode;
use std::time::Instant;

use crate::gauge::Gauge;
use crate::random::Random;

const SMALL_MESSAGES: usize = 10_000_000;
const LARGE_MESSAGES: usize = 2_000;
const CONNECTIONS: usize = 20_000;

#[tokio::main]
async fn main() -> ExitCode {
    let percent = match std::env::args().nth(1).map(|text| text.parse()) {
        None => 100,
        Some(Ok(percent @ 1..)) => percent,
        Some(_) => {
            eprintln!("usage: longwire-soak [PERCENT]");
            return ExitCode::from(2);
        }
    };
    let part = |whole: usize| whole * percent / 100;
    let addresses = server::start().await;

    let (small, large, connections) = (
        part(SMALL_MESSAGES),
        part(LARGE_MESSAGES),
        part(CONNECTIONS),
    );
    let mut passed = true;
    for (what, count) in [
        ("small messages", small),
        ("messages of 1 MiB", large),
        ("connections", connections),
    ] {
        let begun = Instant::now();
        // The first tenth warms up: what is kept for later use is allocated in it.
        let work = async |count| match what {
            "small messages" => links::small(&addresses, count).await,
            "messages of 1 MiB" => links::large(&addresses, count).await,
            _ => churn::drop_at_any_moment(&addresses, count, &mut Random::new()).await,
        };
        let dropped = work(count.div_ceil(10)).await;
        let gauge = Gauge::start().await;
        let dropped = dropped + work(count - count / 10).await;
        let verdict = gauge.read().await;
        passed &= verdict.is_flat();
        println!(
            "{count} {what} in {:.1} s: {verdict}",
            begun.elapsed().as_secs_f64()
        );
        if dropped > 0 {
            println!("  {dropped} of them dropped before they were done");
        }
    }
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
