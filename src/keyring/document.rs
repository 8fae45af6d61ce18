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
    pub fn duplicate(&self) -> Document {
        Document {
            current: self.current.duplicate(),
            fallbacks: self.fallbacks.iter().map(Secret::duplicate).collect(),
            next: self.next.as_ref().map(Secret::duplicate),
            record: self.record.clone(),
        }
    }
}
