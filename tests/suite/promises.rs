//! The table of promises in `SECURITY.md`: every promise names tests, and they exist.

use std::path::Path;

use crate::rows::{read, tests};

/// As many as are made; one that is taken back is taken back here too.
const PROMISES: usize = 12;

#[test]
fn every_promise_has_its_tests() {
    let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("SECURITY.md"));
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| **"))
        .collect();
    assert_eq!(rows.len(), PROMISES);
    let tests = tests();
    for row in rows {
        let (promise, kept_by) = row.split_once(" | `").expect("a promise and its tests");
        for test in kept_by.split('`').step_by(2) {
            assert!(tests.contains(test), "{promise}: there is no test {test}");
        }
    }
}
