use std::time::Duration;

use crate::control::{KeyStatus, Status};
use crate::instance::Running;
use crate::keyring::Document;
use crate::secrets::{Fingerprint, Secret};

/// An instance of this host that uses the document.
#[derive(Debug)]
pub(super) struct Adopter {
    pub running: Running,
    pub generation: u64,
    /// What it runs now; None: it has not started yet.
    pub keys: Option<KeyStatus>,
    /// What signed when it was first looked at.
    pub before: Option<Fingerprint>,
    /// In all its rounds together.
    pub took: Duration,
}

/// What the document says that an instance must run: the evidence that a step goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub signs: Fingerprint,
    pub verifies: Option<Fingerprint>,
    pub never: Vec<Fingerprint>,
}

impl Adopter {
    pub fn new(running: Running, status: &Status) -> Adopter {
        let before = status.key.as_ref().map(|key| key.current);
        let (generation, keys) = (status.generation, status.key.clone());
        Adopter { running, generation, keys, before, took: Duration::ZERO }
    }

    pub fn name(&self) -> &str {
        &self.running.name
    }

    pub fn look_at(&mut self, status: &Status) {
        self.generation = status.generation;
        self.keys = status.key.clone();
        if self.before.is_none() {
            self.before = self.signs();
        }
    }

    pub fn signs(&self) -> Option<Fingerprint> {
        self.keys.as_ref().map(|keys| keys.current)
    }

    pub fn runs(&self, wanted: &Wanted) -> bool {
        self.keys.as_ref().is_some_and(|keys| wanted.is_met_by(keys))
    }

    /// It signs with a key that a rotation has replaced, and has not heard of that.
    pub fn is_behind(&self, document: &Document) -> bool {
        let (record, current) = (&document.record, document.current.fingerprint());
        let was_replaced = |key| record.until(key).is_some() || record.is_revoked(key);
        record.since(current).is_some()
            && self.signs().is_some_and(|signs| signs != current && was_replaced(signs))
    }
}

impl Wanted {
    pub fn of(document: &Document) -> Wanted {
        Wanted {
            signs: document.current.fingerprint(),
            verifies: document.staged().map(Secret::fingerprint),
            never: document.record.revoked.clone(),
        }
    }

    fn is_met_by(&self, keys: &KeyStatus) -> bool {
        let verifies = |key: &Fingerprint| keys.current == *key || keys.fallbacks.contains(key);
        keys.current == self.signs
            && self.verifies.as_ref().is_none_or(verifies)
            && !self.never.iter().any(verifies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Fingerprint {
        text.parse().expect("a fingerprint")
    }

    #[test]
    fn the_evidence() {
        let keys = KeyStatus {
            current: key("0a1b2c3d"),
            since: None,
            fallbacks: vec![key("4e5f6071")],
            next: None,
            carried: Vec::new(),
        };
        let wanted = |signs, verifies: Option<&str>, never: &[&str]| Wanted {
            signs: key(signs),
            verifies: verifies.map(key),
            never: never.iter().copied().map(key).collect(),
        };
        for (wanted, met) in [
            (wanted("0a1b2c3d", None, &[]), true),
            (wanted("0a1b2c3d", Some("4e5f6071"), &["8293a4b5"]), true),
            (wanted("0a1b2c3d", Some("8293a4b5"), &[]), false),
            (wanted("4e5f6071", None, &[]), false),
            (wanted("0a1b2c3d", None, &["4e5f6071"]), false),
        ] {
            assert_eq!(wanted.is_met_by(&keys), met, "{wanted:?}");
        }
    }
}
