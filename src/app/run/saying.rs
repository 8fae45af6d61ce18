use std::collections::BTreeSet;

use crate::app::fetch::Locked;
use crate::log;

/// Warnings about the secrets, each said when it is new: a watch looks every few minutes, and what was
/// wrong yesterday is no news.
#[derive(Debug, Default)]
pub(super) struct Saying {
    said: BTreeSet<String>,
    once: BTreeSet<String>,
    locked: Option<Locked>,
}

impl Saying {
    pub fn say(&mut self, warnings: Vec<String>) {
        let warnings: BTreeSet<String> = warnings.into_iter().collect();
        warnings.difference(&self.said).for_each(log::warning);
        self.said = warnings;
    }

    /// That memory cannot be kept out of swap, where it could be before, or nobody knew.
    pub fn say_locked(&mut self, locked: Locked) {
        if let Some(warning) = locked.warning().filter(|_| self.locked != Some(locked)) {
            log::warning(warning);
        }
        self.locked = Some(locked);
    }

    /// Never again in these words.
    pub fn once(&mut self, warning: String) {
        if !self.once.contains(&warning) {
            log::warning(&warning);
            self.once.insert(warning);
        }
    }
}
