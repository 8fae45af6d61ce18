use zeroize::Zeroizing;

use crate::helper::LONGEST;

const FIRST: usize = 64 * 1024;

/// What a command has printed so far. As much as a store may send is read of it.
#[derive(Default)]
pub(super) struct Printed {
    bytes: Zeroizing<Vec<u8>>,
    filled: usize,
}

impl Printed {
    /// Where the next bytes go. One more than may come fits in, so that it is known to be too much.
    pub fn room(&mut self) -> &mut [u8] {
        if self.filled == self.bytes.len() {
            let wanted = FIRST.max(2 * self.filled).min(LONGEST + 1);
            // A Vec that grows by itself leaves its old memory as it was.
            let mut larger = Zeroizing::new(vec![0; wanted.max(self.filled)]);
            larger[..self.filled].copy_from_slice(&self.bytes);
            self.bytes = larger;
        }
        &mut self.bytes[self.filled..]
    }

    pub fn filled(&mut self, count: usize) {
        self.filled += count;
    }

    pub fn is_too_much(&self) -> bool {
        self.filled > LONGEST
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl std::fmt::Debug for Printed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Printed({} bytes, redacted)", self.filled)
    }
}
