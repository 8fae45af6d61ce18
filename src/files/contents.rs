use std::fmt;

use zeroize::Zeroizing;

/// What a believed file held.
pub struct Contents {
    pub bytes: Zeroizing<Vec<u8>>,
    /// One line each, without anything from the file.
    pub warnings: Vec<String>,
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contents({} bytes, redacted)", self.bytes.len())
    }
}
