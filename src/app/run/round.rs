use std::collections::VecDeque;
use std::time::Instant;

use super::asker::Asker;
use super::cycle::Cycle;
use crate::app::gates::Gate;
use crate::environment::{Difference, Digest, Environment, KeyInUse};
use crate::keyring::Carried;
use crate::secrets::{Fingerprint, Secret};
use crate::stores::Asked;

/// From the moment that somebody asks until the site runs as it is wanted, or does not.
#[derive(Debug)]
pub(super) struct Round {
    pub askers: Vec<Asker>,
    pub begun: Instant,
    pub key_before: Option<KeyInUse>,
    pub changes: Vec<Difference>,
    /// The environments to hand over to, the next one first.
    pub steps: VecDeque<Environment>,
    /// What the stores have answered, until the environments are made.
    pub asked: Asked,
    /// What it would have the site run in the end.
    pub wanted: Option<Digest>,
    /// What must be remembered when the last one serves.
    pub carried: Vec<Carried>,
    pub gates: VecDeque<Gate>,
    /// With which the generation signed that did not take over.
    pub failed_key: Option<Secret>,
    /// How many generations it has tried to start.
    pub hand_overs: u32,
    pub failure: Option<Failure>,
    /// Part of a rotation that the supervisor does by itself.
    pub cycle: Option<Cycle>,
}

/// Why a round came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub message: String,
    pub code: u8,
}

impl Round {
    pub fn begin(askers: Vec<Asker>, key_before: Option<KeyInUse>) -> Round {
        Round {
            askers,
            begun: Instant::now(),
            key_before,
            changes: Vec::new(),
            steps: VecDeque::new(),
            asked: Asked::nothing(),
            wanted: None,
            carried: Vec::new(),
            gates: VecDeque::new(),
            failed_key: None,
            hand_overs: 0,
            failure: None,
            cycle: None,
        }
    }

    /// The next round of a rotation that goes on.
    pub fn resume(askers: Vec<Asker>, cycle: Cycle) -> Round {
        let Cycle { begun, key_before, .. } = cycle;
        Round { begun, cycle: Some(cycle), ..Round::begin(askers, key_before) }
    }

    /// The old environment may not live either, and why the new one did not comes first.
    pub fn fails(&mut self, message: String, code: u8) {
        let failure = match self.failure.take() {
            Some(Failure { message: first, code }) => {
                Failure { message: format!("{first}\n{message}"), code }
            }
            None => Failure { message, code },
        };
        self.failure = Some(failure);
    }

    /// The environment that runs when all is done.
    pub fn last(&self) -> Option<&Environment> {
        self.steps.back()
    }

    /// What changed, for one line.
    pub fn changes_shown(&self, before: Option<Fingerprint>, after: Option<Fingerprint>) -> String {
        const MOST: usize = 12;
        let mut shown: Vec<String> =
            self.changes.iter().take(MOST).map(ToString::to_string).collect();
        if let Some(more) = self.changes.len().checked_sub(MOST + 1) {
            shown.push(format!("and {} more", more + 1));
        }
        if let (Some(before), Some(after)) = (before, after)
            && before != after
        {
            shown.push(format!("key {before} -> {after}"));
        }
        shown.join(", ")
    }
}
