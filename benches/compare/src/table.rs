//! Outcomes as aligned tables.

use crate::{
    contest::{Entry, Outcome},
    library::Class,
    modes::mem::Memory,
    probe::Probes,
    stat::Stat,
};

/// One row of the contest as a table, headed by its name.
pub fn render(outcome: &Outcome, probes: &Probes) -> String {
    let best = outcome.best_rival(|name| probes.validates(name));
    let limit = outcome.limit();
    let laps = outcome.entries.iter().any(|entry| entry.laps.is_some());
    let written = outcome.entries.iter().any(|entry| entry.written.is_some());
    let mut lines = vec![header(laps, written)];
    lines.extend(
        outcome
            .entries
            .iter()
            .map(|entry| cells(entry, best, limit, laps, outcome, probes)),
    );
    format!(
        "{} / {}  (per {}, median of {} rounds)\n{}",
        outcome.mode,
        outcome.name,
        outcome.unit,
        outcome.rounds,
        align(&lines)
    )
}

/// Idle connections as a table.
pub fn render_memory(memory: &Memory) -> String {
    let head = ["", "resident", "min", "max", "heap"];
    let mut lines = vec![head.map(String::from).to_vec()];
    lines.extend(memory.entries.iter().map(|entry| {
        let Stat { median, min, max } = entry.resident;
        let mut cells = vec![entry.name.to_string()];
        cells.extend([median, min, max, entry.heap.median].map(|bytes| format!("{bytes:.0} B")));
        cells
    }));
    format!(
        "mem / {}  (per connection above the raw stream, {} of them, median of {} rounds)\n{}",
        memory.name,
        memory.connections,
        memory.rounds,
        align(&lines)
    )
}

fn header(laps: bool, written: bool) -> Vec<String> {
    let mut cells = vec!["", "cpu", "min", "max", "wall", "× best rival", "× limit"];
    if laps {
        cells.extend(["p50", "p99"]);
    }
    if written {
        cells.push("sent");
    }
    cells.extend(["allocs", "bytes", ""]);
    cells.into_iter().map(String::from).collect()
}

fn cells(
    entry: &Entry,
    best: Option<f64>,
    limit: Option<f64>,
    laps: bool,
    outcome: &Outcome,
    probes: &Probes,
) -> Vec<String> {
    let ratio = |to: Option<f64>| {
        to.filter(|to| *to > 0.0)
            .map_or_else(|| "–".into(), |to| format!("{:.2}", entry.cpu.median / to))
    };
    let mut cells = vec![
        entry.name.to_string(),
        time(entry.cpu.median),
        time(entry.cpu.min),
        time(entry.cpu.max),
        time(entry.wall.median),
        ratio(best),
        ratio(limit),
    ];
    if laps {
        let (p50, p99) = entry.laps.map_or_else(Default::default, |(p50, p99)| {
            (time(p50.median), time(p99.median))
        });
        cells.extend([p50, p99]);
    }
    if let Some(written) = entry.written {
        cells.push(format!("{written:.0} B"));
    }
    cells.push(format!("{:.2}", entry.allocations));
    cells.push(format!("{:.0}", entry.bytes));
    let lax = is_lax(outcome, entry, probes);
    cells.push(if lax { "does not validate UTF-8" } else { "" }.into());
    cells
}

/// Whether a rival takes text that is none, so that its row is no measure.
pub fn is_lax(outcome: &Outcome, entry: &Entry, probes: &Probes) -> bool {
    outcome.text && entry.class == Class::Rival && !probes.validates(entry.name)
}

/// Nanoseconds in the unit that reads best.
pub fn time(nanos: f64) -> String {
    match nanos {
        ..100.0 => format!("{nanos:.1} ns"),
        ..10_000.0 => format!("{nanos:.0} ns"),
        ..10_000_000.0 => format!("{:.1} µs", nanos / 1e3),
        _ => format!("{:.1} ms", nanos / 1e6),
    }
}

/// The first column to the left, the last as it is, all others to the right.
pub fn align(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut table = String::new();
    for line in lines {
        let mut text = String::from(" ");
        for (column, cell) in line.iter().enumerate() {
            let pad = " ".repeat(widths[column] - cell.chars().count());
            text.push(' ');
            match column {
                0 => text.extend([cell.as_str(), &pad]),
                last if last + 1 == columns => text.extend([" ", cell.as_str()]),
                _ => text.extend([" ", &pad, cell.as_str()]),
            }
        }
        table.push_str(text.trim_end());
        table.push('\n');
    }
    table
}
