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

    /// What the variable of the fallbacks holds: never nothing.
    pub fn verifying(&self) -> Vec<&Secret> {
        match self.fallbacks.is_empty() {
            true => vec![&self.current],
            false => self.fallbacks.iter().collect(),
        }
    }

    /// Signs with the same key and verifies the same ones. Neither their order nor a current key that
    /// is repeated among the fallbacks makes a difference to the site.
    pub fn same(&self, other: &Keys) -> bool {
        self.current == other.current
            && self.fallbacks.iter().all(|key| other.verifies(key))
            && other.fallbacks.iter().all(|key| self.verifies(key))
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
