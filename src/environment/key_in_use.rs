use std::fmt;

use crate::secrets::Fingerprint;

/// For messages: which key signs, and how many only verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyInUse {
    pub fingerprint: Fingerprint,
    pub fallbacks: usize,
}

impl fmt::Display for KeyInUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.fallbacks == 1 { "" } else { "s" };
        write!(f, "key {}, {} fallback{plural}", self.fingerprint, self.fallbacks)
    }
}
