use crate::secrets::{Fingerprint, Secret};

/// The keys of one environment.
#[derive(Debug, PartialEq, Eq)]
pub struct Keys {
    /// It signs, and verifies.
    pub current: Secret,
    /// They verify only, the likeliest first. May be empty here; the variable never is.
    pub fallbacks: Vec<Secret>,
}

impl Keys {
    pub fn verifies(&self, key: &Secret) -> bool {
        self.current == *key || self.fallbacks.contains(key)
    }

    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.fallbacks.iter().map(Secret::fingerprint).collect()
    }

    pub fn duplicate(&self) -> Keys {
        Keys {
            current: self.current.duplicate(),
            fallbacks: self.fallbacks.iter().map(Secret::duplicate).collect(),
        }
    }
}
