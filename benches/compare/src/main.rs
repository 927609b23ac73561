//! Compares WebSocket clients: the same work, one neutral server, everyone in turn. README.md says what each row is.

mod adapters;
mod alloc;
mod clock;
mod contest;
mod dial;
mod drive;
mod frames;
mod io;
mod library;
mod load;
mod modes;
mod opening;
mod probe;
mod runtime;
mod server;
mod stat;
mod table;
mod tls;

use library::Fault;
use probe::Probes;

fn main() -> Result<(), Fault> {
    let _inside = runtime::enter()?;
    let server = std::rc::Rc::new(server::Server::start()?);
    let probes = Probes::ask();
    for row in modes::rows(&server)? {
        if std::env::args()
            .nth(1)
            .is_some_and(|f| !format!("{} {}",row.mode,row.name).contains(&f))
        {
            continue;
        }
        println!("{}", table::render(&row.hold(9)?, &probes));
    }
    Ok(())
}
