//! What is promised: the table in `SECURITY.md`, each row with tests that exist, and what every method
//! that waits says of a future that is dropped.

use std::fs;
use std::path::{Path, PathBuf};

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

#[test]
fn every_method_that_waits_says_what_a_dropped_future_leaves() {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let mut found = 0;
    for file in files {
        let mut documentation = String::new();
        for line in read(&file).lines().map(str::trim) {
            if line.starts_with("pub async fn") {
                found += 1;
                let section = documentation.split("/// # Cancel safety\n///\n/// ").nth(1);
                let says = section.and_then(|section| section.lines().next());
                assert!(
                    says.is_some_and(|says| says.len() > 10),
                    "{}: {line}",
                    file.display()
                );
            } else if line.starts_with("///") {
                documentation.push_str(line);
                documentation.push('\n');
            } else if !line.starts_with("#[") {
                documentation.clear();
            }
        }
    }
    // A search that finds nothing would say nothing.
    assert!(found > 25, "{found}");
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else {
            into.push(path);
        }
    }
}
