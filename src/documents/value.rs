use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use crate::config::{Keys, SourceKind, SourceSpec};
use crate::files::{self, quoted};
use crate::helper::{self, Got};
use crate::secrets::{Name, Secret};
use crate::sources;
use crate::sources::env_file::{self, Change, Edit, EditError};
use crate::stores::{self, Stores};

use super::Error;

/// A writer holds the lock for as long as a disk takes to write one small file.
const PATIENCE: Duration = Duration::from_secs(5);

/// One variable that is no key, where a source keeps it.
#[derive(Debug)]
pub struct ValuePlace<'a> {
    spec: &'a SourceSpec,
    origin: usize,
    /// The site's name for it.
    name: &'a Name,
    keys: &'a Keys,
    stores: Option<&'a Rc<Stores>>,
}

impl<'a> ValuePlace<'a> {
    /// `origin` is the index of the source. None: what is written there would not be read back by it.
    pub fn of(
        spec: &'a SourceSpec,
        origin: usize,
        name: &'a Name,
        keys: &'a Keys,
        stores: Option<&'a Rc<Stores>>,
    ) -> Option<ValuePlace<'a>> {
        let is_writable = match &spec.kind {
            SourceKind::EnvFile { .. } => spec.selection.own_name(name).parse::<Name>().is_ok(),
            SourceKind::Remote(_) => stores.is_some(),
            _ => false,
        };
        let place = ValuePlace { spec, origin, name, keys, stores };
        (is_writable && spec.selection.lets_in(name)).then_some(place)
    }

    /// The new value in the place of the old one, or beside what is there. Whoever else has written the
    /// same document since it was read here is not overwritten.
    pub fn write(&self, value: &Secret) -> Result<(), Error> {
        let own = self.spec.selection.own_name(self.name);
        match (&self.spec.kind, self.stores) {
            (SourceKind::EnvFile { path }, _) => write_to_file(path, own, value),
            (_, Some(stores)) => self.write_to_store(stores, own, value),
            // There is no such place.
            (_, None) => Err(Error::Conflict { from: self.spec.kind.to_string() }),
        }
    }

    fn write_to_store(&self, stores: &Stores, own: &str, value: &Secret) -> Result<(), Error> {
        let conflict = || Error::Conflict { from: self.spec.kind.to_string() };
        let failed = |error: stores::Error| match error.is_conflict() {
            true => conflict(),
            false => Error::Store(error),
        };
        let mut got = stores.read(self.origin).map_err(failed)?;
        let version = got.version.take().ok_or_else(conflict)?;
        self.refuse_misread(got, own, value)?;
        let change = helper::Change { name: own.to_owned(), value: Some(value.duplicate()) };
        let written = stores.write(self.origin, vec![change], &version);
        written.map(drop).map_err(|error| Error::of_write(error, || self.spec.kind.to_string()))
    }
}

impl ValuePlace<'_> {
    /// What a document's fields are for is not always said by their names: a database's login has its own.
    fn refuse_misread(&self, mut got: Got, own: &str, value: &Secret) -> Result<(), Error> {
        let mut wanted = sources::given_by(self.spec, self.keys, &got)?;
        got.entries.retain(|(name, _)| name != own);
        got.entries.push((own.to_owned(), value.duplicate()));
        wanted.insert(self.name.clone(), value.duplicate());
        match sources::given_by(self.spec, self.keys, &got)? == wanted {
            true => Ok(()),
            false => {
                let from = self.spec.kind.to_string();
                Err(Error::Misread { from, name: self.name.clone() })
            }
        }
    }
}

/// The lock is held from before the file is read.
fn write_to_file(path: &Path, own: &str, value: &Secret) -> Result<(), Error> {
    let from = quoted(path);
    let unread_back = || Error::NotReadBack { from: from.clone(), name: own.to_owned() };
    let own: Name = own.parse().map_err(|_| unread_back())?;
    let held = files::hold(path, PATIENCE).map_err(Error::unwritten)?;
    let parse = |bytes: &[u8]| {
        env_file::parse(bytes)
            .map_err(|errors| sources::Error::Syntax { path: path.to_owned(), errors })
    };
    let parsed = parse(held.bytes())?;
    // A new variable goes behind the last that is there.
    let last = parsed.assignments.last().map(|assignment| assignment.name.clone());
    let neighbour = last.as_ref().filter(|last| **last != own);
    let mut edits: Vec<Edit<'_>> =
        neighbour.map(|name| Edit { name, change: Change::Keep }).into_iter().collect();
    edits.push(Edit { name: &own, change: Change::Set(value) });
    let edited = env_file::edit(held.bytes(), &parsed.assignments, &edits);
    let bytes = edited.map_err(|error| match error {
        EditError::Duplicate { name, lines } => {
            Error::Duplicate { from: from.clone(), name, lines }
        }
        EditError::Unwritable { .. } => unread_back(),
        EditError::NoPlace { .. } => Error::Empty { from: from.clone() },
    })?;
    // The last moment to find out that it is not what was meant.
    let again = parse(&bytes)?;
    let written = again.assignments.iter().rev().find(|assignment| assignment.name == own);
    if written.is_none_or(|written| written.value != *value) {
        return Err(unread_back());
    }
    held.replace(&bytes).map_err(Error::unwritten)
}
