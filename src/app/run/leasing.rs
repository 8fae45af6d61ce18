use std::time::Instant;

use super::asker::Asker;
use super::site::Site;
use crate::helper::{self, Answer};
use crate::log;
use crate::stores::{self, revoked};
use crate::supervise::Errand;

/// Credentials that a store gave for a time.
impl Site<'_> {
    /// Two thirds of a lease are over.
    pub(super) fn look_after_leases(&mut self) {
        let Some(stores) = &self.prepared.stores else { return };
        match stores.start_renewals(Instant::now()) {
            Ok((job, replace)) => {
                if let Some(job) = job {
                    self.supervisor.send(Errand::Renew, job);
                }
                if replace {
                    self.ask(Asker::Lease);
                }
            }
            Err(error) => self.saying.once(format!("cannot renew a lease: {error}")),
        }
        self.set_alarm();
    }

    pub(super) fn leases_were_renewed(&mut self, answer: Result<Answer, helper::Error>) {
        let Some(stores) = &self.prepared.stores else { return };
        let (replace, why) = stores.renewed(answer);
        for line in why {
            log::warning(line);
        }
        if replace {
            self.ask(Asker::Lease);
        }
        self.set_alarm();
    }

    /// Before the next one is due.
    pub(super) fn set_alarm(&mut self) {
        let deadline = self.prepared.stores.as_ref().and_then(|stores| stores.deadline());
        self.supervisor.set_alarm(deadline);
    }

    /// A generation is gone: what it alone had is revoked.
    pub(super) fn generation_left(&mut self) {
        let Some(stores) = &self.prepared.stores else { return };
        // The other one may still be the one that came after.
        if self.supervisor.processes().count() != 1 || !self.supervisor.is_idle() {
            return;
        }
        match stores.start_revoking(&self.leases) {
            Ok(None) => {}
            Ok(Some(job)) => self.supervisor.send(Errand::Revoke, job),
            Err(error) => say_not_revoked(&error),
        }
    }

    pub(super) fn leases_were_revoked(&self, answer: Result<Answer, helper::Error>) {
        match answer.map_err(stores::Error::from).and_then(revoked) {
            Ok(()) => log::debug("the leases of the generation that left are revoked"),
            Err(error) => say_not_revoked(&error),
        }
    }
}

fn say_not_revoked(error: &stores::Error) {
    log::warning(format_args!("a lease was not revoked, and ends by itself: {error}"));
}
