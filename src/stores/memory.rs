use std::collections::BTreeMap;

use crate::helper::Got;
use crate::secrets::Secret;

/// What is known of the stores since they were asked last, by the index of each source.
#[derive(Debug, Default)]
pub(super) struct Memory(BTreeMap<usize, Remembered>);

#[derive(Debug, Default)]
pub(super) struct Remembered {
    pub version: Option<String>,
    /// Whatever name the config has for it.
    pub identity: Option<String>,
    /// For the next helper.
    pub state: Option<Secret>,
}

impl Memory {
    pub fn of(&self, origin: usize) -> Option<&Remembered> {
        self.0.get(&origin)
    }

    pub fn note(&mut self, origin: usize, got: &Got) {
        let known = self.0.entry(origin).or_default();
        known.version.clone_from(&got.version);
        known.identity.clone_from(&got.identity);
        if let Some(state) = &got.state {
            known.state = Some(state.duplicate());
        }
    }

    pub fn note_state(&mut self, origin: usize, state: Option<Secret>) {
        if state.is_some() {
            self.0.entry(origin).or_default().state = state;
        }
    }
}
