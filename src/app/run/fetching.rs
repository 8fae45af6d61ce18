use std::collections::VecDeque;

use super::asker::Asker;
use super::cycle::{self, Cycle, Stage};
use super::known::Known;
use super::round::Round;
use super::site::Site;
use crate::app::error::Error;
use crate::app::fetch::{self, Locked};
use crate::app::gates;
use crate::config::{OnHup, SourceKind};
use crate::environment::{Built, Environment};
use crate::helper::{self, Answer};
use crate::keyring;
use crate::launch::{self, Plan};
use crate::stores::{self, Asked};
use crate::supervise::Errand;

/// From what is wanted to the environments that lead there.
impl Site<'_> {
    /// Looks again, and says how far what runs is from what is wanted.
    pub(super) fn fetch(&mut self) {
        let askers = std::mem::take(&mut self.waiting);
        self.refusal = None;
        let key = self.running.as_ref().and_then(Environment::key_in_use);
        self.round = match self.going_on.take() {
            Some(cycle) => Round::resume(askers, cycle),
            None => Round::begin(askers, key),
        };
        let asked = self.round.askers.iter().any(Asker::is_somebody);
        if asked {
            self.around.systemd.reloading("looking at the secrets again");
        }
        self.around.systemd.extend();
        match &self.prepared.stores {
            None => self.go_on(),
            Some(stores) => match stores.start_fetch() {
                Ok(job) => self.supervisor.send(Errand::Fetch, job),
                Err(error) => self.not_fetched(error),
            },
        }
    }

    /// A helper is back, from whatever it was sent for.
    pub(super) fn answered(&mut self, errand: Errand, answer: Result<Answer, helper::Error>) {
        let Some(stores) = &self.prepared.stores else { return };
        match errand {
            Errand::Fetch => match answer.map_err(Into::into).and_then(|it| stores.fetched(it)) {
                Ok(asked) => {
                    self.round.asked = asked;
                    self.set_alarm();
                    self.go_on();
                }
                Err(error) => self.not_fetched(error),
            },
            Errand::Look => {
                let news = answer.map_err(stores::Error::from).and_then(|it| stores.has_news(it));
                if let Ok(false) = news {
                    stores.confirm_cache();
                }
                // What is wrong with them is found out, and said, by asking for all of it.
                if news.unwrap_or(true) {
                    self.ask(Asker::Watch);
                }
            }
            Errand::ReadDocument => self.document_was_read(answer),
            Errand::WriteDocument => self.document_was_written(answer),
            Errand::Renew => self.leases_were_renewed(answer),
            Errand::Revoke => self.leases_were_revoked(answer),
        }
    }

    /// It is time to look whether anything has changed. Of stores the versions are enough to know.
    pub(super) fn look_around(&mut self) {
        let sources = &self.prepared.settings.sources;
        let all_remote = sources.iter().all(|source| matches!(source.kind, SourceKind::Remote(_)));
        let Some(stores) = self.prepared.stores.as_ref().filter(|_| all_remote) else {
            return self.ask(Asker::Watch);
        };
        if self.supervisor.is_out(Errand::Look) || self.supervisor.is_out(Errand::Fetch) {
            return;
        }
        match stores.start_look() {
            Ok(job) => self.supervisor.send(Errand::Look, job),
            Err(_) => self.ask(Asker::Watch),
        }
    }

    fn not_fetched(&mut self, error: stores::Error) {
        if let Some(stores) = &self.prepared.stores {
            stores.not_fetched();
        }
        let error = Error::Stores(error);
        self.standing.was_not_fetched(&error.to_string());
        self.set_alarm();
        self.refuse(&error);
    }

    /// What can be used of the sources was read, from the stores or from the cache.
    pub(super) fn note_fetched(&mut self) {
        let stores = self.prepared.stores.as_ref();
        match stores.and_then(|stores| stores.fetched_stale()) {
            Some((since, why)) => self.standing.was_stale(since, &why),
            None => self.standing.was_fetched(),
        }
    }

    /// What runs is what was fetched: a start when the stores are away may have it.
    pub(super) fn keep_cache(&mut self) {
        let kept = self.prepared.stores.as_ref().map_or(Ok(()), |stores| stores.keep());
        self.saying.say_kept(kept);
    }

    /// The cache has what runs. Whoever asked for what the store has did not get it.
    fn refuse_if_stale(&mut self) -> bool {
        let Some(stores) = &self.prepared.stores else { return false };
        let Some((since, why)) = stores.fetched_stale() else { return false };
        stores.taken_over();
        self.keep_cache();
        self.refuse(&Error::Stale { since, why });
        true
    }

    /// All that a plan is made from is there.
    fn go_on(&mut self) {
        let asked = self.round.askers.iter().any(Asker::is_somebody);
        let steps = self.wanted().and_then(|wanted| self.plan(wanted));
        self.round.asked = Asked::nothing();
        match steps {
            Ok(steps) => {
                if steps > 0 && !asked {
                    self.around.systemd.reloading("handing over");
                }
                if steps == 0 && asked && self.refuse_if_stale() {
                    return;
                }
                self.supervisor.fetched(steps);
            }
            Err(error) => self.refuse(&error),
        }
    }

    /// What the sources hold, with a new key staged where a HUP shall make one.
    pub(super) fn wanted(&mut self) -> Result<Built, Error> {
        let wanted = self.look()?;
        if !self.makes_a_key() {
            return Ok(wanted);
        }
        drop(wanted);
        let overlap = self.overlap();
        let keys = &self.prepared.settings.keys;
        let Some(known) = &mut self.document else { return Err(Error::NoKey) };
        let identity = known.identity.as_deref().unwrap_or_default();
        let others = self.instance.others_that_use(identity, &self.prepared.inherited);
        if !others.is_empty() {
            return Err(Error::SharedDocument(others));
        }
        known.stage()?;
        let mut stage = Stage::Staged;
        if !overlap {
            // Nobody is left who would have to verify it first.
            known.promote(keys.keep, keys.grace)?;
            stage = Stage::Promoted;
        }
        let (begun, key_before) = (self.round.begun, self.round.key_before);
        self.round.cycle = Some(Cycle { stage, begun, key_before });
        self.look()
    }

    /// Where the document has another key than the one in use, that one is taken over first: a rotation
    /// may have been cut there.
    pub(super) fn makes_a_key(&self) -> bool {
        let wanted = self.prepared.settings.keys.on_hup == OnHup::Generate
            && self.round.cycle.is_none()
            && self.round.askers.iter().any(cycle::wants_a_key);
        let in_use = self.running.as_ref().and_then(Environment::key_in_use);
        let in_document = self.document.as_ref().map(|known| known.current);
        wanted && in_use.map(|key| key.fingerprint) == in_document
    }

    pub(super) fn look(&mut self) -> Result<Built, Error> {
        let (wanted, warnings) = fetch::with(self.prepared, &self.round.asked);
        match &wanted {
            Ok(wanted) => {
                self.saying.say(warnings);
                self.note_fetched();
                let settings = &self.prepared.settings;
                let stores = self.prepared.stores.as_ref();
                self.document = wanted.keys.as_ref().map(|keys| Known::of(keys, settings, stores));
            }
            Err(error) => {
                self.saying.say_more(warnings);
                self.standing.was_not_fetched(&error.to_string());
            }
        }
        wanted
    }

    pub(super) fn plan(&mut self, wanted: Built) -> Result<usize, Error> {
        self.saying.say_locked(Locked::now());
        self.prepared.judge_command(&wanted.environment, !self.sockets.is_empty())?;

        let Built { environment, keys, .. } = wanted;
        self.forget_what_was_taken_out();
        let policy = fetch::policy(&self.prepared.settings, self.overlap());
        let running = self.running.as_ref().and_then(Environment::keys);
        let plan =
            keys.map(|keys| keyring::plan(running, &keys.verifiable(), &self.carried, policy));
        let (steps, carried) = match plan {
            None => (VecDeque::from([environment]), Vec::new()),
            Some(plan) if plan.steps.is_empty() => {
                let same = running.map(|keys| environment.with_keys(keys.duplicate()));
                (VecDeque::from([same.unwrap_or(environment)]), plan.carried)
            }
            Some(plan) => {
                let steps = plan.steps.into_iter().map(|keys| environment.with_keys(keys));
                (steps.collect(), plan.carried)
            }
        };
        for step in &steps {
            // Before anything is stopped for it.
            let plan = Plan::new(&self.prepared.settings.command, step, self.prepared.task())?;
            if !self.overlap() {
                launch::rehearse(&plan)?;
            }
        }
        let last = steps.back();
        self.round.changes = match (&self.running, last) {
            (Some(running), Some(last)) => running.differences(last),
            (_, _) => Vec::new(),
        };
        self.round.carried = carried;
        if self.round.changes.is_empty() {
            return Ok(0);
        }
        self.round.wanted = last.map(Environment::digest);
        let by_somebody = self.round.askers.iter().any(Asker::is_somebody);
        if !by_somebody && self.in_vain.is_some() && self.in_vain == self.round.wanted {
            return Err(Error::InVain);
        }
        self.round.gates = gates::gates(&self.prepared.settings).into();
        self.round.steps = steps;
        Ok(self.round.steps.len())
    }
}
