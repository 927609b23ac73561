//! Control frames on their way to the user's observer, which must not run under a lock.

use std::sync::{Arc, PoisonError};

use super::sync::{Mutex, MutexGuard};
use crate::message::CloseInfo;
use crate::stream::observer::{ControlFrame, Observer};

/// Frames that were seen while the connection's lock was held.
///
/// One poll receives a bounded number of them, so that it stays small.
#[derive(Debug, Clone, Default)]
pub(super) struct Overheard(Arc<Mutex<Vec<Heard>>>);

#[derive(Debug)]
enum Heard {
    Ping(Box<[u8]>),
    Pong(Box<[u8]>),
    Close(CloseInfo),
}

impl Overheard {
    pub(super) fn push(&self, frame: ControlFrame<'_>) {
        let heard = match frame {
            ControlFrame::Ping(payload) => Heard::Ping(payload.into()),
            ControlFrame::Pong(payload) => Heard::Pong(payload.into()),
            ControlFrame::Close(info) => Heard::Close(info.clone()),
        };
        self.lock().push(heard);
    }

    /// Shows them. The observer may use the halves: no lock is held.
    pub(super) fn tell(&self, observer: &Observer) {
        let heard = std::mem::take(&mut *self.lock());
        for frame in &heard {
            observer(match frame {
                Heard::Ping(payload) => ControlFrame::Ping(payload),
                Heard::Pong(payload) => ControlFrame::Pong(payload),
                Heard::Close(info) => ControlFrame::Close(info),
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Heard>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
