use super::cycle::{Cycle, Stage};
use super::round::Failure;
use super::site::Site;
use crate::log;
use crate::moment::Moment;

/// What the supervisor itself writes to the key's document.
impl Site<'_> {
    /// The rest of a rotation that the supervisor does by itself. False where there is none, or where it
    /// came to nothing.
    pub(super) fn goes_on(&mut self) -> bool {
        let (Some(cycle), Some(known)) = (self.round.cycle, &mut self.document) else {
            return false;
        };
        let keys = &self.prepared.settings.keys;
        let written = match cycle.stage {
            Stage::Staged => known.promote(keys.keep, keys.grace),
            Stage::Promoted => known.retire(keys.keep),
        };
        match (written, cycle.stage) {
            (Ok(()), Stage::Staged) => {
                self.going_on = Some(Cycle { stage: Stage::Promoted, ..cycle });
                true
            }
            (Ok(()), Stage::Promoted) => false,
            (Err(error), Stage::Staged) => {
                let (message, code) = (error.to_string(), error.code());
                self.round.failure = Some(Failure { message, code });
                self.say_where_it_stands();
                false
            }
            (Err(error), Stage::Promoted) => {
                log::warning(format_args!("cannot retire keys past their time: {error}"));
                false
            }
        }
    }

    /// With why a rotation came to nothing: how far it is.
    pub(super) fn say_where_it_stands(&mut self) {
        let where_it_stands = match self.round.cycle.map(|cycle| cycle.stage) {
            None => return,
            Some(Stage::Staged) => "is staged in the document",
            Some(Stage::Promoted) => "is in the document and does not sign yet",
        };
        if let Some(failure) = &mut self.round.failure {
            let message = &mut failure.message;
            *message =
                format!("{message}\nthe new key {where_it_stands}; the next HUP goes on with it");
        }
    }

    /// A carried key that was in the document and is there no more, before its time, was taken out by
    /// somebody who does not want it. One past its time was retired, and is carried for its own.
    pub(super) fn forget_what_was_taken_out(&mut self) {
        let Some(known) = &self.document else { return };
        let (held, now) = (known.keys(), Moment::now());
        self.carried.retain(|carried| {
            let key = carried.key.fingerprint();
            let was_held = self.stored.get(&key);
            let was_due = |until: &Option<Moment>| until.is_some_and(|until| until <= now);
            held.contains_key(&key) || was_held.is_none_or(was_due)
        });
        self.stored = held;
    }
}
