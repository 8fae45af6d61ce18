use std::time::Duration;

use crate::control::{FailedFetch, LastHandOver};
use crate::moment::Moment;
use crate::supervise::Generation;

/// How the instance has fared since it was started, for `status`.
#[derive(Debug)]
pub(super) struct Standing {
    pub started: Moment,
    /// The one that serves, or did last.
    pub generation: Generation,
    /// Since when it serves; None: none ever did.
    pub since: Option<Moment>,
    pub hand_overs_ok: u64,
    pub hand_overs_failed: u64,
    /// Hand-overs in which the server was down in between.
    pub restarts: u64,
    pub last: Option<LastHandOver>,
    pub fetched: Option<Moment>,
    pub fetch_failed: Option<FailedFetch>,
}

impl Standing {
    /// The secrets of the first generation have just been fetched.
    pub fn new() -> Standing {
        let now = Moment::now();
        Standing {
            started: now,
            generation: Generation::FIRST,
            since: None,
            hand_overs_ok: 0,
            hand_overs_failed: 0,
            restarts: 0,
            last: None,
            fetched: Some(now),
            fetch_failed: None,
        }
    }

    pub fn serves(&mut self, generation: Generation) {
        self.generation = generation;
        self.since = Some(Moment::now());
    }

    pub fn was_fetched(&mut self) {
        self.fetched = Some(Moment::now());
        self.fetch_failed = None;
    }

    /// From the cache, since a store is away.
    pub fn was_stale(&mut self, since: Moment, why: &str) {
        self.fetched = Some(since);
        self.was_not_fetched(why);
    }

    pub fn was_not_fetched(&mut self, message: &str) {
        let at = Moment::now();
        self.fetch_failed = Some(FailedFetch { at, message: message.to_owned() });
    }

    pub fn handed_over(&mut self, took: Duration) {
        self.hand_overs_ok += 1;
        self.last = Some(LastHandOver { at: Moment::now(), took, failed: None });
    }

    pub fn failed_to_hand_over(&mut self, took: Duration, message: &str) {
        self.hand_overs_failed += 1;
        let failed = Some(message.to_owned());
        self.last = Some(LastHandOver { at: Moment::now(), took, failed });
    }
}
