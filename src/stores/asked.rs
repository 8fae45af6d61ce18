use std::collections::BTreeMap;

use crate::helper::Got;

/// What each remote source gave, by the index of its `[[source]]`.
#[derive(Debug, Default)]
pub struct Asked(pub(super) BTreeMap<usize, Got>);

impl Asked {
    /// Of a site that has none.
    pub fn nothing() -> Asked {
        Asked::default()
    }

    pub fn of(&self, origin: usize) -> Option<&Got> {
        self.0.get(&origin)
    }

    /// Variables that were used to ask, and that the site must not see.
    pub fn used(&self) -> impl Iterator<Item = &str> {
        self.0.values().flat_map(|got| &got.used).map(String::as_str)
    }
}
