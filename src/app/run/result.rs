use super::asker::{self, Asker};
use super::round::Failure;
use super::site::{Site, stopping};
use crate::control::{Answer, Outcome, RoundResult};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::log;
use crate::supervise::{Cause, Generation, RoundEnd};

/// What came of a round: for who asked, for the log, for `status`.
impl Site<'_> {
    pub(super) fn round_ends(&mut self, end: RoundEnd) {
        let is_first = self.round.askers.is_empty();
        let done = matches!(end, RoundEnd::HandedOver | RoundEnd::Unchanged);
        if done {
            if let Some(stores) = &self.prepared.stores
                && stores.taken_over()
            {
                log::info("the stores answer again, and what runs is what they have");
            }
            self.keep_cache();
            self.carried = std::mem::take(&mut self.round.carried);
            self.store_carried();
        }
        // Nothing of what did not come to run is kept.
        if let Some(stores) = &self.prepared.stores {
            stores.forget_unkept();
        }
        self.round.steps.clear();
        let goes_on = match done {
            true => self.goes_on(),
            false => {
                self.say_where_it_stands();
                false
            }
        };
        match end {
            RoundEnd::HandedOver | RoundEnd::Unchanged => self.in_vain = None,
            RoundEnd::Failed if self.round.hand_overs > 0 && !self.overlap() => {
                self.in_vain = self.round.wanted;
            }
            RoundEnd::Failed | RoundEnd::Interrupted => {}
        }
        if !is_first {
            let end = if self.round.failure.is_some() { RoundEnd::Failed } else { end };
            let result = self.result(end);
            self.say(&result);
            if !goes_on {
                self.count(&result);
                for ticket in self.round.askers.iter().filter_map(Asker::ticket) {
                    self.supervisor.answer(ticket, &Answer::Round(result.clone()));
                }
            }
        }
        if goes_on {
            let is_asked_for = !self.waiting.is_empty();
            // Who asked is answered when all of it is done.
            self.waiting.splice(0..0, std::mem::take(&mut self.round.askers));
            if !is_asked_for {
                self.supervisor.ask();
            }
        } else if self.supervisor.is_stopping() {
            for ticket in self.waiting.drain(..).filter_map(|asker| asker.ticket()) {
                self.supervisor.answer(ticket, &stopping());
            }
        } else {
            self.around.systemd.ready(self.supervisor.status());
        }
        // A generation that left in the middle of it was not the time.
        self.revoke_unused();
    }

    pub(super) fn result(&self, end: RoundEnd) -> RoundResult {
        let key = self.running.as_ref().and_then(Environment::key_in_use);
        let failed = |failure: &Failure| Outcome::Failed {
            code: failure.code,
            message: failure.message.clone(),
        };
        let interrupted = Failure {
            message: match self.supervisor.cause() {
                Some(Cause::Ended(generation, ending)) => {
                    format!("{generation} ended in the middle of it: {ending}")
                }
                Some(Cause::Asked(_) | Cause::NotReady | Cause::NotBack) | None => {
                    "keybearer was told to end in the middle of it".to_owned()
                }
            },
            code: Exit::Unavailable.code(),
        };
        RoundResult {
            outcome: match end {
                RoundEnd::HandedOver => Outcome::HandedOver,
                RoundEnd::Unchanged => Outcome::Unchanged,
                RoundEnd::Failed => failed(self.round.failure.as_ref().unwrap_or(&interrupted)),
                RoundEnd::Interrupted => failed(&interrupted),
            },
            generation: self.supervisor.serving().map_or(0, Generation::number),
            before: self.round.key_before.map(|key| key.fingerprint),
            after: key.map(|key| key.fingerprint),
            changed: self.round.changes.iter().map(ToString::to_string).collect(),
            took: self.round.begun.elapsed(),
        }
    }

    /// The audit line: who asked, what changed, what came of it and how long it took.
    pub(super) fn say(&mut self, result: &RoundResult) {
        let askers = asker::shown(&self.round.askers);
        let took = result.took.as_secs_f64();
        let by_somebody = self.round.askers.iter().any(Asker::is_somebody);
        match &result.outcome {
            Outcome::Unchanged => match self.saying.is_well_again() || by_somebody {
                true => log::info(format_args!("nothing changed ({askers})")),
                // A watch that found nothing is no news.
                false => log::debug(format_args!("nothing changed ({askers})")),
            },
            Outcome::HandedOver => {
                self.saying.is_well_again();
                let changes = self.round.changes_shown(result.before, result.after);
                let generation = result.generation;
                log::info(format_args!(
                    "{changes}; generation {generation} took over after {took:.2} s ({askers})"
                ));
            }
            Outcome::Failed { message, .. }
                if matches!(self.supervisor.cause(), Some(Cause::NotBack)) =>
            {
                log::error(format_args!("{message}, after {took:.2} s ({askers})"));
            }
            Outcome::Failed { message, .. } if self.supervisor.is_stopping() => {
                log::warning(format_args!("{message}, after {took:.2} s ({askers})"));
            }
            Outcome::Failed { message, .. } => {
                let what = match self.round.hand_overs {
                    0 => "the running server stays as it is".to_owned(),
                    _ => format!("generation {} goes on, after {took:.2} s", result.generation),
                };
                // Nor is that it has found the same as the last time.
                match self.saying.is_new_failure(message) || by_somebody {
                    true => log::error(format_args!("{message}\n{what} ({askers})")),
                    false => log::debug(format_args!("{message}\n{what} ({askers})")),
                }
            }
        }
    }

    pub(super) fn count(&mut self, result: &RoundResult) {
        match &result.outcome {
            Outcome::HandedOver => self.standing.handed_over(result.took),
            Outcome::Failed { message, .. } if self.round.hand_overs > 0 => {
                self.standing.failed_to_hand_over(result.took, message);
            }
            Outcome::Unchanged | Outcome::Failed { .. } => {}
        }
    }
}
