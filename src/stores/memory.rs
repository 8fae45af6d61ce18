use std::collections::BTreeMap;

use crate::helper::Got;
use crate::secrets::Secret;

/// What is known of the stores since they were asked last, by the index of each source.
#[derive(Debug, Default)]
pub(super) struct Memory(BTreeMap<usize, Remembered>);

#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// With which the site was brought up to date last: what is news is told from this, and not from what
    /// was fetched and came to nothing.
    pub version: Option<String>,
    fetched: Option<String>,
    /// Whatever name the config has for it.
    pub identity: Option<String>,
    /// For the next helper.
    pub state: Option<Secret>,
}

impl Memory {
    pub fn of(&self, origin: usize) -> Option<&Remembered> {
        self.0.get(&origin)
    }

    /// For a round, which may come to nothing.
    pub fn note_fetched(&mut self, origin: usize, got: &Got) {
        self.note(origin, got);
        self.0.entry(origin).or_default().fetched.clone_from(&got.version);
    }

    /// The site has what was fetched.
    pub fn taken_over(&mut self) {
        for known in self.0.values_mut() {
            known.version.clone_from(&known.fetched);
        }
    }

    pub fn note(&mut self, origin: usize, got: &Got) {
        let known = self.0.entry(origin).or_default();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_taken_over_is_still_news() {
        let version = |number: &str| Got { version: Some(number.to_owned()), ..Got::default() };
        let mut memory = Memory::default();
        let known = |memory: &Memory| memory.of(0).and_then(|known| known.version.clone());
        memory.note_fetched(0, &version("1"));
        assert_eq!(known(&memory), None);
        memory.taken_over();
        assert_eq!(known(&memory).as_deref(), Some("1"));
        memory.note_fetched(0, &version("2"));
        // Read for a write, and not for the site.
        memory.note(0, &version("3"));
        assert_eq!(known(&memory).as_deref(), Some("1"));
        memory.taken_over();
        assert_eq!(known(&memory).as_deref(), Some("2"));
    }
}
