use std::collections::BTreeSet;

use crate::app::fetch::Locked;
use crate::log;

/// Warnings about the secrets, each said when it is new: a watch looks every few minutes, and what was
/// wrong yesterday is no news.
#[derive(Debug, Default)]
pub(super) struct Saying {
    said: BTreeSet<String>,
    once: BTreeSet<String>,
    failure: Option<String>,
    locked: Option<Locked>,
    not_kept: Option<String>,
}

impl Saying {
    /// What the secrets give to warn of, when they can be used.
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

    /// Whether there is a cache of them, where that is another answer than the last time.
    pub fn say_kept(&mut self, kept: Result<(), String>) {
        let why = kept.err();
        if let Some(why) = why.as_ref().filter(|why| self.not_kept.as_ref() != Some(*why)) {
            log::warning(why);
        }
        self.not_kept = why;
    }

    /// The same when they cannot: what was warned of before may come back with the next that can.
    pub fn say_more(&mut self, warnings: Vec<String>) {
        for warning in warnings {
            if !self.said.contains(&warning) {
                log::warning(&warning);
                self.said.insert(warning);
            }
        }
    }

    /// Whether it is another one than the last time.
    pub fn is_new_failure(&mut self, message: &str) -> bool {
        let is_new = self.failure.as_deref() != Some(message);
        self.failure = Some(message.to_owned());
        is_new
    }

    /// Whether the last time was a failure.
    pub fn is_well_again(&mut self) -> bool {
        self.failure.take().is_some()
    }

    /// Never again in these words.
    pub fn once(&mut self, warning: String) {
        if !self.once.contains(&warning) {
            log::warning(&warning);
            self.once.insert(warning);
        }
    }
}
