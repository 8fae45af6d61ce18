use std::fmt;

use sha2::{Digest, Sha256};

/// Which state of a document was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Version(Of);

#[derive(Clone, PartialEq, Eq)]
enum Of {
    /// What it holds: one that an editor has saved unchanged under another inode is still the same
    /// document.
    File([u8; 32]),
    /// As the store says.
    Store(String),
}

impl Version {
    pub(super) fn of(bytes: &[u8]) -> Version {
        Version(Of::File(Sha256::digest(bytes).into()))
    }

    pub(super) fn of_store(version: String) -> Version {
        Version(Of::Store(version))
    }

    /// None: it is a file's.
    pub(super) fn in_store(&self) -> Option<&str> {
        match &self.0 {
            Of::File(_) => None,
            Of::Store(version) => Some(version),
        }
    }
}

/// The digest of a file that holds a short password would give it away.
impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Version(redacted)")
    }
}
