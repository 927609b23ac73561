//! In place of `sync.rs` when the halves are given to a model checker, which decides at each of these
//! who goes on: see `tests/model`.

use std::future::Future;

pub(super) use shuttle::sync::atomic::{AtomicU8, Ordering};
pub(super) use shuttle::sync::{Mutex, MutexGuard};

use tokio::runtime::Handle;

pub(super) fn spawn(_: &Handle, task: impl Future<Output = ()> + Send + 'static) {
    shuttle::future::spawn(task);
}
