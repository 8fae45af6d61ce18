use std::time::Instant;

use super::adopter::Adopter;
use super::adopters;
use super::error::Error as Refused;
use super::interrupt::Interrupt;
use super::subject::Subject;
use crate::app::error::Error;
use crate::app::output::{Unbuffered, Unwritable, print};
use crate::documents::{self, Version};
use crate::keyring::Document;
use crate::secrets::{Fingerprint, Secret};

/// One call of `keybearer rotate`: the document as it was read or written last, and who uses it.
pub(super) struct Rotation<'a> {
    pub subject: &'a Subject,
    pub interrupt: &'a Interrupt,
    pub is_dry: bool,
    pub is_blind: bool,
    /// Promote before it is due.
    pub now: bool,
    pub document: Document,
    version: Version,
    pub adopters: Vec<Adopter>,
    /// What was written, for the audit line.
    pub done: Vec<String>,
    /// Keys that are not in the document of a dry run.
    imagined: Vec<Fingerprint>,
    pub unwritable: Option<Unwritable>,
    pub begun: Instant,
}

/// So often two who rotate at once may meet; more is somebody who writes the document for ever.
pub(super) const TRIES: usize = 20;

/// How a rotation is to go.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
    pub is_dry: bool,
    pub is_blind: bool,
    pub now: bool,
}

impl<'a> Rotation<'a> {
    /// Reads the document and looks at everybody who uses it.
    pub fn begin(
        subject: &'a Subject,
        interrupt: &'a Interrupt,
        manner: Manner,
    ) -> Result<Rotation<'a>, Error> {
        let (document, version) = subject.place.read()?;
        let adopters = adopters::find(subject, interrupt)?;
        let Manner { is_dry, is_blind, now } = manner;
        Ok(Rotation {
            subject,
            interrupt,
            is_dry,
            is_blind,
            now,
            document,
            version,
            adopters,
            done: Vec::new(),
            imagined: Vec::new(),
            unwritable: None,
            begun: Instant::now(),
        })
    }

    /// Somebody else has written it, or may have.
    pub fn read_again(&mut self) -> Result<(), Error> {
        self.read_document()?;
        self.look_again()
    }

    pub fn read_document(&mut self) -> Result<(), Error> {
        (self.document, self.version) = self.subject.place.read()?;
        Ok(())
    }

    /// Before anything is written: nobody runs a key that the document knows nothing of. One whom a
    /// rotation has not reached yet is brought up to it, unless that is not what was asked for.
    pub fn refuse_other_keys(&mut self, strictly: bool) -> Result<(), Error> {
        for _ in 0..TRIES {
            let Some(other) = self.other_key(strictly) else { return Ok(()) };
            // Between the looks at the document and at the instances another rotation may have gone on.
            let seen = self.version.clone();
            self.read_again()?;
            if self.version == seen && self.other_key(strictly).is_some() {
                return Err(other.into());
            }
        }
        Err(self.changed())
    }

    fn other_key(&self, strictly: bool) -> Option<Refused> {
        let current = self.document.current.fingerprint();
        self.adopters.iter().find_map(|adopter| {
            let runs = adopter.signs().filter(|signs| *signs != current)?;
            let (name, place) = (adopter.name().to_owned(), self.subject.place.to_string());
            let is_known = !strictly && adopter.is_behind(&self.document);
            (!is_known).then_some(Refused::OtherKey { name, runs, place, current })
        })
    }

    /// If the document is still as it was read. `what` is for the audit line.
    pub fn write(&mut self, document: Document, what: String) -> Result<(), Error> {
        if let Some(signal) = self.interrupt.by() {
            return Err(Error::Interrupted(signal));
        }
        if !self.is_dry {
            let written = self.subject.place.write(&document, &self.version);
            self.version = written.map_err(|error| match error {
                documents::Error::Conflict { .. } => self.changed(),
                documents::Error::Unanswered(error) => {
                    self.done.push(format!("perhaps {what}"));
                    let what = format!("{what} in {}", self.subject.place);
                    Refused::Doubtful { what, error: error.to_string() }.into()
                }
                error => error.into(),
            })?;
        }
        self.document = document;
        self.done.push(what);
        Ok(())
    }

    pub fn changed(&self) -> Error {
        let written = match self.done.is_empty() {
            true => "nothing was written",
            false => "the rotation was not finished",
        };
        Refused::Changed { place: self.subject.place.to_string(), written }.into()
    }

    /// A new key; in a dry run one that will never be.
    pub fn new_key(&mut self) -> Result<Secret, Error> {
        let key = self.subject.new_key()?;
        if self.is_dry {
            self.imagined.push(key.fingerprint());
        }
        Ok(key)
    }

    /// As it is called in what is printed.
    pub fn shown(&self, key: Fingerprint) -> String {
        match self.imagined.contains(&key) {
            true => "the new key".to_owned(),
            false => format!("key {key}"),
        }
    }

    /// One line of progress. Where nobody reads it the rotation goes on all the same.
    pub fn say(&mut self, line: &str) {
        let printed = print(&mut Unbuffered, format!("{line}\n").as_bytes());
        if let Err(error) = printed {
            self.unwritable.get_or_insert(error);
        }
    }

    /// Whether somebody else has written it since.
    pub fn was_changed(&self) -> Result<bool, Error> {
        Ok(self.subject.place.read()?.1 != self.version)
    }

    /// How it stands, for whoever has to go on.
    pub fn standing(&self) -> String {
        let place = &self.subject.place;
        match self.document.staged() {
            Some(staged) => format!("{place} holds the staged key {}", staged.fingerprint()),
            None => format!("{place} has key {} to sign with", self.document.current.fingerprint()),
        }
    }
}
