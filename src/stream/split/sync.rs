//! The locks and atomics of the halves, and how their task is started.

use std::future::Future;

pub(super) use std::sync::atomic::{AtomicU8, Ordering};
pub(super) use std::sync::{Mutex, MutexGuard};

use tokio::runtime::Handle;

pub(super) fn spawn(runtime: &Handle, task: impl Future<Output = ()> + Send + 'static) {
    runtime.spawn(task);
}
