//! Messages to frames of a bounded size (RFC 6455 §5.4).

use std::ops::Range;

use crate::frame::Opcode;

/// The frames of one message: which part of the payload each carries, and how it is marked.
#[derive(Debug, Clone)]
pub(crate) struct Fragments {
    opcode: Opcode,
    next: usize,
    len: usize,
    max: usize,
    done: bool,
}

/// One frame of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) opcode: Opcode,
    pub(crate) fin: bool,
    /// Its part of the message's payload.
    pub(crate) range: Range<usize>,
}

impl Fragments {
    /// Cuts a message of `len` bytes into frames of at most `max`, which is not 0.
    #[inline]
    pub(super) fn new(opcode: Opcode, len: usize, max: usize) -> Self {
        Self {
            opcode,
            next: 0,
            len,
            max,
            done: false,
        }
    }
}

impl Iterator for Fragments {
    type Item = Fragment;

    #[inline]
    fn next(&mut self) -> Option<Fragment> {
        if self.done {
            return None;
        }
        let start = self.next;
        self.next = self.len.min(start.saturating_add(self.max));
        self.done = self.next == self.len;
        let opcode = if start == 0 {
            self.opcode
        } else {
            Opcode::Continuation
        };
        Some(Fragment {
            opcode,
            fin: self.done,
            range: start..self.next,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(len: usize, max: usize) -> Vec<(Opcode, bool, usize)> {
        Fragments::new(Opcode::Text, len, max)
            .map(|fragment| (fragment.opcode, fragment.fin, fragment.range.len()))
            .collect()
    }

    #[test]
    fn a_message_is_cut_without_gaps_and_only_its_last_frame_is_final() {
        use Opcode::{Continuation, Text};

        assert_eq!(cut(0, 4), [(Text, true, 0)]);
        assert_eq!(cut(4, 4), [(Text, true, 4)]);
        assert_eq!(cut(5, 4), [(Text, false, 4), (Continuation, true, 1)]);
        assert_eq!(
            cut(9, 4),
            [
                (Text, false, 4),
                (Continuation, false, 4),
                (Continuation, true, 1)
            ]
        );
        assert_eq!(cut(usize::MAX, usize::MAX), [(Text, true, usize::MAX)]);
    }
}
