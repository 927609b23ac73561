//! One file per mode; each builds its rows.

mod deflate;
mod handshake;
pub mod mem;
mod receive;
mod send;
mod tcp;

use std::rc::Rc;

use crate::{contest::Row, library::Fault, server::Server};

/// Every row, in the order of the tables.
pub fn rows(server: &Rc<Server>) -> Result<Vec<Row>, Fault> {
    let mut rows = receive::rows();
    rows.extend(send::rows());
    rows.extend(handshake::rows());
    rows.extend(deflate::rows()?);
    rows.extend(tcp::rows(server)?);
    Ok(rows)
}
