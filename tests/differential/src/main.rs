//! The same bytes of a server, valid or spoilt, for longwire and for tungstenite.
//!
//! ```text
//! longwire-differential [STREAMS]
//! ```
//!
//! Both must give the same messages and the same end. Where they do not, the difference must be one
//! that `DIFFERENCES.md` explains; each is counted, any other ends the run with the stream that
//! showed it.

mod explain;
mod generate;
mod play;

// What the tests of the crate use, independent of its own codec.
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../support/random.rs"]
mod random;
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../support/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::process::ExitCode;

use crate::explain::{ALL, explain};
use crate::random::Random;

/// Frames and messages of at most so many bytes are accepted, by both.
const LIMIT: usize = 2_000;

fn main() -> ExitCode {
    let streams = match std::env::args().nth(1).map(|text| text.parse()) {
        None => 1_000_000,
        Some(Ok(streams)) => streams,
        Some(Err(_)) => {
            eprintln!("usage: longwire-differential [STREAMS]; LONGWIRE_SEED chooses them");
            return ExitCode::from(2);
        }
    };
    if let Err(why) = explained_and_written_down() {
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    let mut random = Random::new();
    let mut counts = BTreeMap::new();
    let mut same = 0_u64;
    for _ in 0..streams {
        let bytes = generate::stream(&mut random);
        let (ours, theirs) = (play::ours(&bytes), play::theirs(&bytes));
        if ours == theirs {
            same += 1;
        } else if let Some(name) = explain(&bytes, &ours, &theirs) {
            *counts.entry(name).or_insert(0_u64) += 1;
        } else {
            panic!(
                "{:?} for longwire, {:?} for tungstenite, and nothing explains it: {}",
                (ours.end, ours.messages.len()),
                (theirs.end, theirs.messages.len()),
                generate::hex(&bytes),
            );
        }
    }
    println!("{streams} streams\n{same:>9} the same");
    for (name, count) in &counts {
        println!("{count:>9} {name}");
    }
    ExitCode::SUCCESS
}

/// Every difference that can be explained has its paragraph, and every paragraph is about one.
fn explained_and_written_down() -> Result<(), String> {
    let text = include_str!("../DIFFERENCES.md");
    let written: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    if written == ALL {
        return Ok(());
    }
    Err(format!(
        "DIFFERENCES.md has the headings {written:?}; the program knows {ALL:?}"
    ))
}
