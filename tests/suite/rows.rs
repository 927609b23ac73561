//! The table of promises in `tests/ROWS.md` is whole: every row names tests, and they exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every row there has to be: nine cases seen in other clients, and the misbehaviours to script.
const ROWS: &str = "C1 C2 C3 C4 C5 C6 C7 C8 C9 M46 M47 \
     M01 M03 M04 M05 M07 M09 M10 M12 M13 M14 M15 M16 M19 M20 M21 M22 M24 M25 M26 M27 M28 M29 M31 M32 \
     M34 M35 M36 M38 M39 M40 M43 M44 M45 M48 M49 M50 M51 M53 M55 M56 M57 M60 M63";

fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of the table and the tests that each names.
fn table() -> BTreeMap<String, Vec<String>> {
    let text = read(&tests_folder().join("ROWS.md"));
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [row, _, tests] = cells[..] else {
            panic!("three cells were expected: {line}");
        };
        if row == "row" || row.starts_with('-') {
            continue;
        }
        let tests = tests
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        let before = rows.insert(row.to_owned(), tests);
        assert!(before.is_none(), "row {row} stands twice");
    }
    rows
}

/// The tests of the suite, as `module::name`, from its own sources.
pub(crate) fn tests() -> BTreeSet<String> {
    let suite = tests_folder().join("suite");
    let main = read(&suite.join("main.rs"));
    let modules = main
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
        .filter(|module| *module != "support");
    let mut tests = BTreeSet::new();
    for module in modules {
        let source = read(&suite.join(module).with_extension("rs"));
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            if line == "#[test]" {
                let name = lines
                    .next()
                    .and_then(|line| line.strip_prefix("fn ")?.split('(').next())
                    .unwrap_or_else(|| panic!("no name behind #[test] in {module}"));
                tests.insert(format!("{module}::{name}"));
            }
        }
    }
    tests
}

#[test]
fn every_row_has_its_tests() {
    let table = table();
    let wanted: BTreeSet<&str> = ROWS.split_whitespace().collect();
    let present: BTreeSet<&str> = table.keys().map(String::as_str).collect();
    assert_eq!(present, wanted);
    let tests = tests();
    for (row, named) in &table {
        assert!(!named.is_empty(), "row {row} has no test");
        for test in named {
            assert!(tests.contains(test), "row {row}: there is no test {test}");
        }
    }
}
