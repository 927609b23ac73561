//! Compares WebSocket clients: the same work, one neutral server, everyone in turn. README.md says what each row is.

mod adapters;
mod alloc;
mod cli;
mod clock;
mod contest;
mod dial;
mod drive;
mod frames;
mod io;
mod json;
mod library;
mod load;
mod modes;
mod opening;
mod place;
mod probe;
mod runtime;
mod server;
mod stat;
mod svg;
mod table;
mod tls;

use std::{env, fs, rc::Rc};

use cli::Options;
use library::Fault;
use modes::mem;
use probe::Probes;
use server::Server;

fn main() -> Result<(), Fault> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{}", cli::USAGE);
        return Ok(());
    }
    let _inside = runtime::enter()?;
    if let Some((mem::CHILD, rest)) = arguments
        .split_first()
        .map(|(first, rest)| (&**first, rest))
    {
        return mem::be_child(rest);
    }
    compare(&Options::parse(arguments)?)
}

fn compare(options: &Options) -> Result<(), Fault> {
    let probes = Probes::ask();
    let server = Rc::new(Server::start()?);
    let mut outcomes = Vec::new();
    for mut row in modes::rows(&server)? {
        if options.wants(row.mode, row.name) {
            if options.quick {
                row.count = (row.count / 10).max(1);
            }
            let outcome = row.hold(options.rounds)?;
            println!("{}", table::render(&outcome, &probes));
            outcomes.push(outcome);
        }
    }
    let mut memories = Vec::new();
    for (name, secure, connections) in [("ws", false, 5_000), ("wss", true, 1_000)] {
        if options.wants("mem", name) {
            let connections = options.connections.unwrap_or(if options.quick {
                connections / 10
            } else {
                connections
            });
            let memory = mem::measure(&server, secure, connections, options.rounds.min(3))?;
            println!("{}", table::render_memory(&memory));
            memories.push(memory);
        }
    }
    if let Some(path) = &options.json {
        fs::write(path, json::render(&outcomes, &memories, &probes))?;
    }
    if let Some(path) = &options.svg {
        let chart = svg::render(&outcomes, &memories, &probes);
        fs::write(path, chart.ok_or("none of the rows of the chart was run")?)?;
    }
    Ok(())
}
