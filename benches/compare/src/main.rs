//! Compares WebSocket clients: the same work, one neutral server, everyone in turn. README.md says what each row is.

mod adapters;
mod alloc;
mod clock;
mod contest;
mod drive;
mod io;
mod library;
mod load;
mod modes;
mod opening;
mod probe;
mod stat;
mod table;

use library::Fault;
use probe::Probes;

fn main() -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let _inside = runtime.enter();
    let probes = Probes::ask();
    for row in modes::rows() {
        println!("{}", table::render(&row.hold(9)?, &probes));
    }
    Ok(())
}
