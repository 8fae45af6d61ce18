use std::fmt;
use std::rc::Rc;

use crate::config::{Encoding, Remote, Selection};
use crate::helper::{self, Change, Got};
use crate::keyring::Document;
use crate::stores::{self, Job, Stores};

use super::content::{self, Field, Written};
use super::own_names::OwnNames;
use super::{Error, Fields, Version};

/// A document that a store holds. The store sees to it that of two writers one is refused.
#[derive(Debug, Clone)]
pub struct InStore {
    stores: Rc<Stores>,
    origin: usize,
    remote: Box<Remote>,
    names: OwnNames,
    encoding: Encoding,
}

impl InStore {
    pub(super) fn of(
        stores: &Rc<Stores>,
        origin: usize,
        remote: &Remote,
        selection: &Selection,
        fields: &Fields,
    ) -> Result<InStore, Error> {
        let names = OwnNames::of(fields, selection, &remote.to_string(), false)?;
        let (stores, remote) = (Rc::clone(stores), Box::new(remote.clone()));
        Ok(InStore { stores, origin, remote, names, encoding: fields.encoding })
    }

    pub(super) fn key_name(&self) -> &str {
        &self.names.current
    }

    /// What the store calls it where it has told, else what the config says.
    pub(super) fn identity(&self) -> String {
        self.stores.identity(self.origin).unwrap_or_else(|| self.remote.identity())
    }

    pub(super) fn read(&self) -> Result<(Document, Version), Error> {
        let got = self.stores.read(self.origin).map_err(|error| self.failed(error))?;
        self.document(&got)
    }

    pub(super) fn write(&self, document: &Document, version: &Version) -> Result<Version, Error> {
        let from = self.to_string();
        let conflict = || Error::Conflict { from: from.clone() };
        // What else is in there is not ours: it is read for what is equal.
        let (before, found) = self.read()?;
        if found != *version {
            return Err(conflict());
        }
        let Some(changes) = self.changes(document, &before)? else { return Ok(found) };
        let version = version.in_store().ok_or_else(conflict)?;
        let written = self.stores.write(self.origin, changes, version);
        written.map(Version::of_store).map_err(|error| Error::of_write(error, || from))
    }

    /// The halves of a read and a write, for one who cannot wait.
    pub fn start_read(&self) -> Result<Job, Error> {
        self.stores.start_read(self.origin).map_err(Error::Store)
    }

    pub fn was_read(&self, answer: helper::Answer) -> Result<(Document, Version), Error> {
        let got = self.stores.was_read(self.origin, answer).map_err(|error| self.failed(error))?;
        self.document(&got)
    }

    /// None: there is nothing to write.
    pub fn start_write(
        &self,
        document: &Document,
        before: &Document,
        version: &Version,
    ) -> Result<Option<Job>, Error> {
        let Some(changes) = self.changes(document, before)? else { return Ok(None) };
        let conflict = || Error::Conflict { from: self.to_string() };
        let version = version.in_store().ok_or_else(conflict)?;
        let job = self.stores.start_write(self.origin, changes, version);
        job.map(Some).map_err(Error::Store)
    }

    pub fn was_written(&self, answer: helper::Answer) -> Result<(), Error> {
        let written = self.stores.written(self.origin, answer);
        written.map(drop).map_err(|error| self.failed(error))
    }

    fn document(&self, got: &Got) -> Result<(Document, Version), Error> {
        let get =
            |name: &str| got.entries.iter().find(|(own, _)| own == name).map(|(_, value)| value);
        let document = content::read(&self.names, self.encoding, &self.to_string(), get)?;
        Ok((document, Version::of_store(got.version.clone().unwrap_or_default())))
    }

    fn changes(
        &self,
        document: &Document,
        before: &Document,
    ) -> Result<Option<Vec<Change>>, Error> {
        let from = self.to_string();
        let written = Written::of(document, before, &self.names, self.encoding, &from)?;
        if written.is_equal() {
            return Ok(None);
        }
        let fields = self.names.all().into_iter().zip(written.fields());
        let changes = fields.filter_map(|(name, field)| {
            let value = match field {
                Field::Keep => return None,
                Field::Set(value) => Some(value.duplicate()),
                Field::Remove => None,
            };
            Some(Change { name: name.to_owned(), value })
        });
        Ok(Some(changes.collect()))
    }

    fn failed(&self, error: stores::Error) -> Error {
        match error.is_conflict() {
            true => Error::Conflict { from: self.to_string() },
            false => Error::Store(error),
        }
    }
}

/// As messages show it.
impl fmt::Display for InStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.remote.fmt(f)
    }
}
