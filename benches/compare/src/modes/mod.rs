//! One file per mode; each builds its rows.

pub mod receive;

use crate::contest::Row;

/// Every row, in the order of the tables.
pub fn rows() -> Vec<Row> {
    receive::rows()
}
