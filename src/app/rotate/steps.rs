//! What each step writes and says.

use super::rotation::Rotation;
use crate::app::error::Error;
use crate::config::{Hosts, Keys};
use crate::keyring::{Document, Refused, steps};
use crate::moment::Moment;
use crate::secrets::{Fingerprint, Secret};

impl Rotation<'_> {
    /// A new key, for everybody to verify.
    pub fn prepare(&mut self) -> Result<(), Error> {
        let now = Moment::now();
        let due = match self.subject.hosts {
            // Who runs here is all the evidence that there is.
            Hosts::One => Some(now),
            // A host has looked after one of these times, and has taken it over after the other.
            Hosts::Many => self.subject.settings.watch.every.map(|every| now + every * 2),
        };
        let key = self.new_key()?;
        let shown = self.shown(key.fingerprint());
        let document = steps::prepare(&self.document, key, now, due)?;
        self.refuse_blind()?;
        self.write(document, format!("staged {shown}"))?;
        let place = &self.subject.place;
        let line = match self.is_dry {
            false => format!("staged {shown} in {place}"),
            true => format!("would stage a new key in {place}"),
        };
        self.say(&line);
        Ok(())
    }

    /// The staged key signs from now on.
    pub fn promote(&mut self) -> Result<(), Error> {
        let old = self.document.current.fingerprint();
        let document = self.promoted(&self.document)?;
        self.write_promoted(document, old)
    }

    /// Nobody runs who would have to verify the new key before it signs.
    pub fn replace(&mut self) -> Result<(), Error> {
        let old = self.document.current.fingerprint();
        let now = Moment::now();
        let staged = match self.document.staged() {
            Some(_) => self.document.duplicate(),
            None => {
                let key = self.new_key()?;
                let staged = steps::prepare(&self.document, key, now, Some(now))?;
                self.refuse_blind()?;
                staged
            }
        };
        let document = self.promoted(&staged)?;
        self.write_promoted(document, old)
    }

    /// Drops the old keys whose time is over, if there are any.
    pub fn retire(&mut self) -> Result<bool, Error> {
        let (document, dropped) = steps::retire(&self.document, self.keys().keep, Moment::now());
        if dropped.is_empty() {
            return Ok(false);
        }
        let dropped = listed(&dropped);
        self.write(document, format!("retired {dropped}"))?;
        let place = &self.subject.place;
        let line = match self.is_dry {
            false => format!("retired {dropped} from {place}"),
            true => format!("would retire {dropped} from {place}"),
        };
        self.say(&line);
        Ok(true)
    }

    pub fn abort(&mut self) -> Result<(), Error> {
        let key = self.document.next.as_ref().map(Secret::fingerprint);
        let document = steps::abort(&self.document)?;
        let key = key.ok_or(Refused::NothingStaged)?;
        self.write(document, format!("dropped the staged key {key}"))?;
        let place = &self.subject.place;
        let line = match self.is_dry {
            false => format!("dropped the staged key {key} from {place}"),
            true => format!("would drop the staged key {key} from {place}"),
        };
        self.say(&line);
        Ok(())
    }

    /// The current key is known to others.
    pub fn revoke(&mut self) -> Result<(), Error> {
        let leaked = self.document.current.fingerprint();
        let key = self.new_key()?;
        let shown = self.shown(key.fingerprint());
        let document = steps::revoke(&self.document, key, Moment::now())?;
        self.write(document, format!("revoked key {leaked}, {shown} signs"))?;
        let place = &self.subject.place;
        let line = match self.is_dry {
            false => format!(
                "revoked key {leaked} in {place}; {shown} signs, and everybody signs in again"
            ),
            true => format!(
                "would revoke key {leaked} in {place}; a new key would sign, and everybody would sign in again"
            ),
        };
        self.say(&line);
        if self.subject.hosts == Hosts::Many {
            self.say("other hosts take the revoked key until they look at the document again");
        }
        Ok(())
    }

    fn promoted(&self, document: &Document) -> Result<Document, Error> {
        let Keys { keep, grace, .. } = *self.keys();
        Ok(steps::promote(document, keep, grace, Moment::now())?)
    }

    fn write_promoted(&mut self, document: Document, old: Fingerprint) -> Result<(), Error> {
        let new = self.shown(document.current.fingerprint());
        let until = document.record.until(old);
        self.write(document, format!("promoted {new} over {old}"))?;
        let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
        let place = &self.subject.place;
        let line = match self.is_dry {
            false => format!("promoted {new} in {place}; {old} verifies{until}"),
            true => format!("would promote {new} in {place}; {old} would verify{until}"),
        };
        self.say(&line);
        Ok(())
    }

    pub fn keys(&self) -> &Keys {
        &self.subject.settings.keys
    }

    /// When a staged key may sign, where that is known.
    pub fn promotion_due(&self, key: Fingerprint) -> Option<Moment> {
        self.document.record.staged(key).and_then(|staged| staged.due)
    }
}

fn listed(keys: &[Fingerprint]) -> String {
    let shown: Vec<String> = keys.iter().map(Fingerprint::to_string).collect();
    match shown.len() {
        1 => format!("key {}", shown.concat()),
        _ => format!("keys {}", shown.join(", ")),
    }
}
