use std::time::Instant;

use super::asker::Asker;
use super::site::Site;
use crate::helper::{self, Answer};
use crate::log;
use crate::stores;
use crate::supervise::Errand;

/// Credentials that a store gave for a time.
impl Site<'_> {
    /// Two thirds of a lease are over.
    pub(super) fn look_after_leases(&mut self) {
        let Some(stores) = &self.prepared.stores else { return };
        if stores.is_retry_due(Instant::now()) {
            self.ask(Asker::Stale);
        }
        let Some(stores) = &self.prepared.stores else { return };
        let (job, replace) = stores.start_renewals(Instant::now());
        if replace {
            self.ask(Asker::Lease);
        }
        match job {
            Ok(Some(job)) => self.supervisor.send(Errand::Renew, job),
            Ok(None) => self.set_alarm(),
            Err(error) => self.were_renewed(Err(error)),
        }
    }

    pub(super) fn leases_were_renewed(&mut self, answer: Result<Answer, helper::Error>) {
        self.were_renewed(answer.map_err(stores::Error::from));
    }

    fn were_renewed(&mut self, answer: Result<Answer, stores::Error>) {
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

    /// Before the next one is due. While some are renewed nobody is sent for others: what is due then is
    /// looked after when these are back.
    pub(super) fn set_alarm(&mut self) {
        let is_free = !self.supervisor.is_out(Errand::Renew);
        let stores = self.prepared.stores.as_ref().filter(|_| is_free);
        self.supervisor.set_alarm(stores.and_then(|stores| stores.deadline()));
    }

    /// What a generation had that is gone, and no other has, is revoked.
    pub(super) fn revoke_unused(&mut self) {
        let Some(stores) = &self.prepared.stores else { return };
        // In the middle of a hand-over the old one is still there, or the new one not yet.
        let is_settled = self.supervisor.is_idle() && self.supervisor.processes().count() == 1;
        if !is_settled || self.supervisor.is_out(Errand::Revoke) {
            return;
        }
        match stores.start_revoking(&self.leases) {
            Ok(None) => {}
            Ok(Some(job)) => self.supervisor.send(Errand::Revoke, job),
            Err(error) => say_not_revoked(&error),
        }
    }

    pub(super) fn leases_were_revoked(&mut self, answer: Result<Answer, helper::Error>) {
        let Some(stores) = &self.prepared.stores else { return };
        match stores.revoked(answer.map_err(stores::Error::from)) {
            Ok(()) => log::debug("the leases of the generation that left are revoked"),
            Err(error) => say_not_revoked(&error),
        }
        self.revoke_unused();
    }
}

fn say_not_revoked(error: &stores::Error) {
    log::warning(format_args!("a lease was not revoked, and ends by itself: {error}"));
}
