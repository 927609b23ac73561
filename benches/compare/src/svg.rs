//! The chart of the README, written by hand: small panels of horizontal bars, readable on light and dark pages.

use std::fmt::Write;

use crate::{
    contest::Outcome, library::Class, modes::mem::Memory, probe::Probes, stat::Stat, table,
};

/// One panel: a title, and a bar for each library.
struct Panel {
    title: String,
    bars: Vec<Bar>,
    /// What the floor needs, if the row has one.
    floor: Option<f64>,
}

struct Bar {
    name: &'static str,
    ours: bool,
    value: f64,
    label: String,
}

/// The rows that are drawn, if the run had them, by mode and name.
const DRAWN: [(&str, &str, &str); 9] = [
    (
        "inmem",
        "receive 150 B json",
        "Receive 150 B JSON, a backlog",
    ),
    (
        "inmem",
        "receive 150 B json, quiet",
        "Receive 150 B JSON, one at a time",
    ),
    (
        "inmem",
        "receive 150 B json, 1,000 kept",
        "Receive 150 B JSON, the last 1,000 kept",
    ),
    (
        "inmem",
        "receive 600 B json in 4 frames",
        "Receive 600 B JSON in 4 frames",
    ),
    (
        "inmem",
        "send 150 B json, 64 fed then flushed",
        "Send 150 B JSON, 64 to a flush",
    ),
    (
        "inmem",
        "send 150 B json, flushed one by one",
        "Send 150 B JSON, one to a flush",
    ),
    ("inmem", "echo 1 KiB binary", "Echo 1 KiB"),
    ("flood", "150 B json", "Receive 150 B JSON over TCP"),
    ("tls", "flood, 150 B json", "Receive 150 B JSON over TLS"),
];

/// `None` when the run had no row that is drawn.
pub fn render(outcomes: &[Outcome], memories: &[Memory], probes: &Probes) -> Option<String> {
    let mut panels: Vec<_> = DRAWN
        .iter()
        .filter_map(|(mode, name, title)| {
            let found = outcomes
                .iter()
                .find(|outcome| outcome.mode == *mode && outcome.name == *name)?;
            Some(Panel::of_work(title, found, probes))
        })
        .collect();
    panels.extend(
        memories
            .iter()
            .filter(|memory| memory.name.starts_with("ws,"))
            .map(Panel::of_memory),
    );
    if panels.is_empty() {
        return None;
    }
    let height = panels.iter().map(Panel::height).fold(0.0, f64::max);
    let rows = panels.len().div_ceil(COLUMNS) as f64;
    let size = (
        MARGIN + COLUMNS as f64 * (PANEL + MARGIN),
        TOP + rows * (height + MARGIN),
    );
    let mut svg = head(size);
    for (index, panel) in panels.iter().enumerate() {
        let x = MARGIN + (index % COLUMNS) as f64 * (PANEL + MARGIN);
        let y = TOP + (index / COLUMNS) as f64 * (height + MARGIN);
        panel.draw(&mut svg, x, y);
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

fn head((width, height): (f64, f64)) -> String {
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="What WebSocket clients cost, side by side">
<style>
  text {{ font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }}
  .title {{ font-weight: 600; font-size: 13px; }}
  .note, .value {{ fill: #59636e; }}
  .page {{ fill: #ffffff; stroke: #d1d9e0; }}
  .rival {{ fill: #b6bec7; }}
  .ours {{ fill: #0969da; }}
  .floor {{ stroke: #bc4c00; stroke-width: 1.5; stroke-dasharray: 3 3; }}
  .strong {{ font-weight: 600; }}
  @media (prefers-color-scheme: dark) {{
    text {{ fill: #f0f6fc; }}
    .note, .value {{ fill: #9198a1; }}
    .page {{ fill: #0d1117; stroke: #3d444d; }}
    .rival {{ fill: #59636e; }}
    .ours {{ fill: #4493f8; }}
    .floor {{ stroke: #f0883e; }}
  }}
</style>
<rect class="page" x="0.5" y="0.5" width="{}" height="{}" rx="8"/>
<text class="note" x="{MARGIN}" y="24">Client CPU per message, less is better. Dashed: a hand-written loop that parses and validates, and no more.</text>
"#,
        width - 1.0,
        height - 1.0
    )
}

impl Panel {
    fn of_work(title: &str, outcome: &Outcome, probes: &Probes) -> Self {
        let libraries = outcome
            .entries
            .iter()
            .filter(|entry| matches!(entry.class, Class::Ours | Class::Rival));
        let floor = outcome
            .entries
            .iter()
            .find(|entry| entry.class == Class::Floor);
        Self {
            title: title.to_string(),
            bars: libraries
                .map(|entry| Bar {
                    name: entry.name,
                    ours: entry.class == Class::Ours,
                    value: entry.cpu.median,
                    label: table::time(entry.cpu.median)
                        + if table::is_lax(outcome, entry, probes) {
                            " (no UTF-8 check)"
                        } else {
                            ""
                        },
                })
                .collect(),
            floor: floor.map(|entry| entry.cpu.median),
        }
        .sorted()
    }

    fn of_memory(memory: &Memory) -> Self {
        Self {
            title: "Resident memory of an idle connection".to_string(),
            bars: memory
                .entries
                .iter()
                .map(|entry| Bar {
                    name: entry.name,
                    ours: entry.class == Class::Ours,
                    value: entry.resident.median.max(0.0),
                    label: format!("{:.1} KiB", entry.resident.median / 1024.0),
                })
                .collect(),
            floor: None,
        }
        .sorted()
    }

    fn sorted(mut self) -> Self {
        self.bars.sort_by(|a, b| a.value.total_cmp(&b.value));
        self
    }

    fn height(&self) -> f64 {
        TITLE + self.bars.len() as f64 * STEP
    }

    fn draw(&self, svg: &mut String, x: f64, y: f64) {
        let scale = (PANEL - NAMES - VALUES) / self.longest();
        let _ = writeln!(
            svg,
            r#"<text class="title" x="{x}" y="{:.1}">{}</text>"#,
            y + 13.0,
            self.title
        );
        for (index, bar) in self.bars.iter().enumerate() {
            let top = y + TITLE + index as f64 * STEP;
            let cut = bar.value > self.longest();
            let width = bar.value.min(self.longest()) * scale;
            let (class, strong) = if bar.ours {
                ("ours", "strong")
            } else {
                ("rival", "")
            };
            let _ = writeln!(
                svg,
                "<text class=\"{strong}\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
                 <rect class=\"{class}\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\"/>\n\
                 <text class=\"value\" x=\"{:.1}\" y=\"{:.1}\">{}{}</text>",
                x + NAMES - 6.0,
                top + BASELINE,
                bar.name,
                x + NAMES,
                x + NAMES + width + 5.0,
                top + BASELINE,
                if cut { "» " } else { "" },
                bar.label
            );
        }
        if let Some(floor) = self.floor {
            let at = x + NAMES + floor * scale;
            let _ = writeln!(
                svg,
                r#"<line class="floor" x1="{at:.1}" y1="{:.1}" x2="{at:.1}" y2="{:.1}"/>"#,
                y + TITLE - 3.0,
                y + self.height() - 3.0
            );
        }
    }

    /// The value that fills a bar. One that is far off is cut, and marked, so that the others can be told apart.
    fn longest(&self) -> f64 {
        let Stat { median, max, .. } = Stat::of(self.bars.iter().map(|bar| bar.value));
        max.min(median * CUT).max(1.0)
    }
}

const COLUMNS: usize = 2;
const MARGIN: f64 = 24.0;
const TOP: f64 = 44.0;
const PANEL: f64 = 440.0;
const NAMES: f64 = 124.0;
const VALUES: f64 = 84.0;
const TITLE: f64 = 24.0;
const STEP: f64 = 21.0;
const BAR: f64 = 15.0;
const BASELINE: f64 = 12.0;
const CUT: f64 = 3.0;
