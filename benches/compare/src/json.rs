//! All figures of a run as JSON: nanoseconds, bytes, counts.

use std::fmt::Write;

use crate::{
    contest::{Entry, Outcome},
    library::Class,
    modes::mem::Memory,
    probe::Probes,
    stat::Stat,
};

pub fn render(outcomes: &[Outcome], memories: &[Memory], probes: &Probes) -> String {
    let validates = probes
        .iter()
        .map(|(name, yes)| format!("{}: {yes}", string(name)));
    let rows = outcomes.iter().map(|outcome| row(outcome, probes));
    let memory = memories.iter().map(memory);
    format!(
        "{{\n  \"validates_utf8\": {{{}}},\n  \"rows\": [{}\n  ],\n  \"memory\": [{}\n  ]\n}}\n",
        join(validates),
        join(rows),
        join(memory)
    )
}

fn row(outcome: &Outcome, probes: &Probes) -> String {
    let best = outcome.best_rival(|name| probes.validates(name));
    let limit = outcome.limit();
    let entries = outcome.entries.iter().map(|entry| {
        let mut text = format!(
            "\n        {{\"name\": {}, \"class\": {}, \"cpu_ns\": {}, \"wall_ns\": {}, \
             \"allocations\": {}, \"allocated_bytes\": {}",
            string(entry.name),
            string(class(entry.class)),
            stat(entry.cpu),
            stat(entry.wall),
            number(entry.allocations),
            number(entry.bytes)
        );
        for (key, to) in [("to_best_rival", best), ("to_limit", limit)] {
            if let Some(to) = to.filter(|to| *to > 0.0) {
                let _ = write!(text, ", \"{key}\": {}", number(entry.cpu.median / to));
            }
        }
        if let Some(written) = entry.written {
            let _ = write!(text, ", \"sent_bytes\": {}", number(written));
        }
        text + &laps(entry) + "}"
    });
    format!(
        "\n    {{\"mode\": {}, \"name\": {}, \"unit\": {}, \"rounds\": {}, \"entries\": [{}\n    ]}}",
        string(outcome.mode),
        string(outcome.name),
        string(outcome.unit),
        outcome.rounds,
        join(entries)
    )
}

fn laps(entry: &Entry) -> String {
    entry.laps.map_or_else(String::new, |(p50, p99)| {
        format!(", \"p50_ns\": {}, \"p99_ns\": {}", stat(p50), stat(p99))
    })
}

fn memory(memory: &Memory) -> String {
    let entries = memory.entries.iter().map(|entry| {
        format!(
            "\n        {{\"name\": {}, \"class\": {}, \"resident_bytes\": {}, \"heap_bytes\": {}}}",
            string(entry.name),
            string(class(entry.class)),
            stat(entry.resident),
            stat(entry.heap)
        )
    });
    format!(
        "\n    {{\"name\": {}, \"connections\": {}, \"rounds\": {}, \"entries\": [{}\n    ]}}",
        string(memory.name),
        memory.connections,
        memory.rounds,
        join(entries)
    )
}

fn stat(stat: Stat) -> String {
    format!(
        "{{\"median\": {}, \"min\": {}, \"max\": {}}}",
        number(stat.median),
        number(stat.min),
        number(stat.max)
    )
}

/// JSON knows no infinities, and no figure here is one.
fn number(value: f64) -> String {
    format!("{}", (value * 1000.0).round() / 1000.0)
}

fn string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Ours => "ours",
        Class::Rival => "rival",
        Class::Floor => "floor",
        Class::Limit => "limit",
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}
