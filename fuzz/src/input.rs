//! What an input begins with: settings, a byte each.

/// An input that is read from its front. At its end it gives zeros.
#[derive(Debug, Clone)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    pub(crate) fn number(&mut self) -> usize {
        usize::from(self.byte())
    }

    /// At most so many bytes.
    pub(crate) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn cuts(&mut self) -> Cuts {
        Cuts {
            state: self.byte(),
            most: 1 + self.number(),
        }
    }
}

/// Into how many bytes at a time a transport cuts what it moves: some sequence of numbers from 1 to
/// `most`, and polls between them that are not ready.
#[derive(Debug, Clone)]
pub(crate) struct Cuts {
    state: u8,
    most: usize,
}

impl Cuts {
    /// No cut, and always ready.
    pub(crate) fn nowhere() -> Self {
        Self {
            state: 0,
            most: usize::MAX,
        }
    }

    fn step(&mut self) -> u8 {
        // A full period of 256, by Hull and Dobell's conditions.
        self.state = self.state.wrapping_mul(77).wrapping_add(39);
        self.state
    }

    pub(crate) fn size(&mut self) -> usize {
        if self.most == usize::MAX {
            return usize::MAX;
        }
        1 + usize::from(self.step()) % self.most
    }

    pub(crate) fn is_ready(&mut self) -> bool {
        self.most == usize::MAX || !self.step().is_multiple_of(3)
    }
}
