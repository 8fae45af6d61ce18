use std::collections::BTreeSet;
use std::time::Instant;

use super::leases::Due;
use super::stores::expected;
use super::{Error, Job, Stores};
use crate::helper::{Answer, Failure, Held, Kind, Lease, Work};

/// What becomes of the leases: renewed while they can be, replaced before they end, and ended when
/// nobody uses them.
impl Stores {
    /// The leases of what was fetched last.
    pub fn leases(&self) -> BTreeSet<String> {
        self.leases.borrow().ids()
    }

    /// The leases whose time it is are renewed. True beside it: one of them has to be replaced.
    pub fn start_renewals(&self, now: Instant) -> (Result<Option<Job>, Error>, bool) {
        let Due { renew, replace } = self.leases.borrow_mut().due(now);
        let job = self.held(&renew).and_then(|held| match held.is_empty() {
            true => Ok(None),
            false => self.start(Work::Renew(held)).map(Some),
        });
        *self.renewing.borrow_mut() = renew;
        (job, replace)
    }

    /// Whether any has to be replaced, with why, where that is not its time alone.
    pub fn renewed(&self, answer: Result<Answer, Error>) -> (bool, Vec<String>) {
        let ids = self.renewing.take();
        let results: Vec<Result<Lease, Failure>> = match answer {
            Ok(Answer::Renewed(results)) if results.len() == ids.len() => results,
            Ok(_) => failed_each(&ids, &Error::OtherAnswer.to_string()),
            Err(error) => failed_each(&ids, &error.to_string()),
        };
        let now = Instant::now();
        let mut replace = false;
        let mut why = Vec::new();
        for (id, result) in ids.iter().zip(results) {
            replace |= self.leases.borrow_mut().renewed(id, &result, now);
            let state = match result {
                Ok(lease) => lease.state,
                Err(failure) => {
                    why.push(failure.message);
                    failure.state
                }
            };
            if let Some(origin) = self.leases.borrow().origin(id) {
                self.memory.borrow_mut().note_state(origin, state);
            }
        }
        (replace, why)
    }

    /// Ends the leases that neither what runs nor what was fetched last has.
    pub fn start_revoking(&self, in_use: &BTreeSet<String>) -> Result<Option<Job>, Error> {
        let unused = self.leases.borrow_mut().unused(in_use);
        self.revoke(&unused)
    }

    /// Whatever came of it, nothing more is done about them: they end by themselves.
    pub fn revoked(&self, answer: Result<Answer, Error>) -> Result<(), Error> {
        self.leases.borrow_mut().forget_revoked();
        let Answer::Revoked(results) = expected(answer?)? else { return Err(Error::OtherAnswer) };
        let failures: Vec<Failure> = results.into_iter().filter_map(Result::err).collect();
        if failures.is_empty() { Ok(()) } else { Err(Error::Failed(failures)) }
    }

    /// Ends all of them, and waits: nobody is left who uses one. A word where that did not work.
    pub fn revoke_all(&self) -> Result<(), Error> {
        let all = self.leases.borrow_mut().all_unused();
        match self.revoke(&all)? {
            None => Ok(()),
            Some(job) => self.revoked(self.run(job)),
        }
    }

    fn revoke(&self, ids: &[String]) -> Result<Option<Job>, Error> {
        if ids.is_empty() {
            return Ok(None);
        }
        self.start(Work::Revoke(self.held(ids)?)).map(Some)
    }

    fn held(&self, ids: &[String]) -> Result<Vec<Held>, Error> {
        let leases = self.leases.borrow();
        let held = leases.these(ids).map(|kept| {
            let source = self.request(kept.origin)?;
            Ok(Held { source, id: kept.id.clone(), seconds: kept.seconds })
        });
        held.collect()
    }
}

fn failed_each(ids: &[String], message: &str) -> Vec<Result<Lease, Failure>> {
    ids.iter().map(|_| Err(Failure::new(Kind::Unreachable, message))).collect()
}
