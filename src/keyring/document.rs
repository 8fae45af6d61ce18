use super::Record;
use crate::secrets::Secret;

/// The keys as the store has them: with `current = "X"` what X, X_FALLBACKS, X_NEXT and
/// KEYBEARER_ROTATION hold.
#[derive(Debug, PartialEq, Eq)]
pub struct Document {
    pub current: Secret,
    /// Trimmed, without empty ones and duplicates, in their order; may hold keys past their time.
    pub fallbacks: Vec<Secret>,
    /// Staged: everyone verifies it, nobody signs with it yet.
    pub next: Option<Secret>,
    pub record: Record,
}

impl Document {
    /// The staged key, where it can be promoted: one that signs already, or that was revoked, is none.
    pub fn staged(&self) -> Option<&Secret> {
        let revoked = |key: &Secret| self.record.is_revoked(key.fingerprint());
        self.next.as_ref().filter(|next| **next != self.current && !revoked(next))
    }

    pub fn duplicate(&self) -> Document {
        Document {
            current: self.current.duplicate(),
            fallbacks: self.fallbacks.iter().map(Secret::duplicate).collect(),
            next: self.next.as_ref().map(Secret::duplicate),
            record: self.record.clone(),
        }
    }
}
