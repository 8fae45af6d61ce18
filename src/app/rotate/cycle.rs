//! Which steps are done, and in which order.

use super::error::{Error as Refused, Mend};
use super::rotation::{Rotation, TRIES};
use crate::app::error::Error;
use crate::cli::Step;
use crate::config::Hosts;
use crate::keyring::{self, Due, steps};
use crate::moment::Moment;
use crate::secrets::Secret;

impl Rotation<'_> {
    /// As many steps as are safe.
    pub fn whole(&mut self) -> Result<(), Error> {
        self.refuse_other_keys(false)?;
        let was_cut = self.catch_up()?;
        match (self.subject.hosts, self.document.staged().is_some()) {
            // That was the rotation which was asked for.
            (Hosts::One, false) if was_cut => self.retire().map(drop),
            (Hosts::One, _) => self.rotate_here(),
            (Hosts::Many, _) => {
                self.go_on_with_many(was_cut)?;
                self.say_next("");
                Ok(())
            }
        }
    }

    /// One step, and everybody here takes it over.
    pub fn step(&mut self, step: Step) -> Result<(), Error> {
        self.refuse_other_keys(step == Step::Revoke)?;
        match step {
            Step::Prepare => {
                self.prepare()?;
                self.adopt(Mend::Reload)?;
                if self.subject.hosts == Hosts::Many {
                    self.say_next("");
                }
                Ok(())
            }
            Step::Promote => {
                self.refuse_early_promotion()?;
                self.adopt(Mend::Reload)?;
                self.promote()?;
                self.adopt(Mend::Reload)
            }
            Step::Retire => match self.retire()? {
                true => self.adopt_all(Mend::Reload),
                false => {
                    self.say("no key is past its time, nor are there more than are kept");
                    Ok(())
                }
            },
            Step::Abort => {
                self.abort()?;
                self.adopt_all(Mend::Reload)
            }
            Step::Revoke => {
                self.revoke()?;
                self.adopt(Mend::Rotate)
            }
        }
    }

    /// What the time has come for, from one host or from all of them at once: whoever is late finds
    /// it done and goes on from there.
    pub fn due(&mut self) -> Result<(), Error> {
        for _ in 0..TRIES {
            match self.due_once() {
                Ok(true) if !self.is_dry => {}
                Ok(_) => break,
                Err(Error::Rotate(Refused::Changed { .. })) => self.read_again()?,
                Err(error) => return Err(error),
            }
        }
        let nothing = if self.done.is_empty() { "nothing is due; " } else { "" };
        self.say_next(nothing);
        Ok(())
    }

    /// False: nothing was due.
    fn due_once(&mut self) -> Result<bool, Error> {
        self.refuse_other_keys(false)?;
        // Another host may have written a step that has not reached this one.
        self.adopt(Mend::Rotate)?;
        let keys = self.keys();
        match keyring::due(&self.document, keys.every, keys.keep, Moment::now()) {
            Due::Promote { .. } => {
                self.promote()?;
                self.adopt(Mend::Rotate)?;
            }
            Due::Retire { .. } => {
                self.retire()?;
                self.adopt_all(Mend::Rotate)?;
            }
            Due::Prepare { .. } => match self.subject.hosts {
                Hosts::One => self.rotate_here()?,
                Hosts::Many => {
                    self.prepare()?;
                    self.adopt(Mend::Rotate)?;
                }
            },
            Due::Waiting { .. } | Due::Nothing { .. } => return Ok(false),
        }
        Ok(true)
    }

    /// Nobody else reads the document: each step is done when everybody here has the one before.
    fn rotate_here(&mut self) -> Result<(), Error> {
        if self.adopters.is_empty() {
            self.replace()?;
            // One may have been started meanwhile.
            return self.adopt(Mend::Rotate);
        }
        match self.document.staged().map(Secret::fingerprint) {
            None => self.prepare()?,
            Some(key) => {
                let at =
                    self.document.record.staged(key).map(|staged| format!(" since {}", staged.at));
                let at = at.unwrap_or_default();
                self.say(&format!("key {key} is staged{at}; going on with it"));
            }
        }
        self.adopt(Mend::Rotate)?;
        self.promote()?;
        self.adopt(Mend::Rotate)?;
        // Promotion has dropped what was past its time already, and a key that is only kept for longer
        // is worth no hand-over: it goes with the next one.
        self.retire().map(drop)
    }

    /// The next step that may be done.
    fn go_on_with_many(&mut self, was_cut: bool) -> Result<(), Error> {
        let staged = self.document.staged().map(Secret::fingerprint);
        match staged {
            None if was_cut => Ok(()),
            None => {
                self.prepare()?;
                self.adopt(Mend::Rotate)
            }
            Some(key) => {
                self.adopt(Mend::Rotate)?;
                let is_due = self.promotion_due(key).is_some_and(|due| due <= Moment::now());
                if !is_due && !self.now {
                    return Ok(());
                }
                self.promote()?;
                self.adopt(Mend::Rotate)
            }
        }
    }

    /// Whom a rotation has not reached that was cut before.
    fn catch_up(&mut self) -> Result<bool, Error> {
        let behind = self.adopters.iter().any(|adopter| adopter.is_behind(&self.document));
        if behind {
            let key = self.document.current.fingerprint();
            self.say(&format!("key {key} is to sign already; going on with that"));
            self.adopt(Mend::Rotate)?;
        }
        Ok(behind)
    }

    fn refuse_early_promotion(&self) -> Result<(), Error> {
        let Some(key) = self.document.staged().map(Secret::fingerprint) else {
            // It says why there is none to promote.
            let keys = self.keys();
            steps::promote(&self.document, keys.keep, keys.grace, Moment::now())?;
            return Ok(());
        };
        match (self.promotion_due(key), self.subject.hosts) {
            _ if self.now => Ok(()),
            (Some(at), _) if at > Moment::now() => Err(Refused::NotDue { key, at }.into()),
            (None, Hosts::Many) => Err(Refused::NeverDue { key }.into()),
            (Some(_), _) | (None, Hosts::One) => Ok(()),
        }
    }

    fn say_next(&mut self, before: &str) {
        if self.is_dry && !self.done.is_empty() {
            return;
        }
        let keys = self.keys();
        let next = match keyring::due(&self.document, keys.every, keys.keep, Moment::now()) {
            Due::Nothing { next, at } => format!("next: {next}, from {at} on"),
            Due::Waiting { key, until: Some(at) } => {
                format!("next: promote key {key}, from {at} on")
            }
            Due::Waiting { key, until: None } => format!(
                "key {key} is staged, and nobody can tell when every host has taken it over; when they have: keybearer rotate promote --now"
            ),
            Due::Promote { key } => format!("next: promote key {key}, now"),
            Due::Retire { .. } => "next: retire, now".to_owned(),
            Due::Prepare { .. } => "next: prepare, now".to_owned(),
        };
        self.say(&format!("{before}{next}"));
    }
}
