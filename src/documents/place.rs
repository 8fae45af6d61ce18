use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::config::{SourceKind, SourceSpec};
use crate::keyring::Document;
use crate::stores::Stores;

use super::in_file::InFile;
use super::{Error, Fields, InStore, Version};

/// A writer holds the lock for as long as a disk takes to write one small file.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a document is, and what its fields are called there.
#[derive(Debug, Clone)]
pub enum Place {
    File(InFile),
    Store(InStore),
}

impl Place {
    /// `origin` is the index of the source.
    pub fn of(
        spec: &SourceSpec,
        origin: usize,
        fields: &Fields,
        stores: Option<&Rc<Stores>>,
    ) -> Result<Place, Error> {
        let refuse =
            |why, mend| Err(Error::Unwritable { source_kind: spec.kind.to_string(), why, mend });
        match (&spec.kind, stores) {
            (SourceKind::EnvFile { path }, _) => {
                InFile::of(path, &spec.selection, fields).map(Place::File)
            }
            (SourceKind::Remote(remote), Some(stores)) => {
                InStore::of(stores, origin, remote, &spec.selection, fields).map(Place::Store)
            }
            // Where there is a remote source, the stores are open.
            (SourceKind::Remote(_), None) => {
                refuse("its store is not open", "this is a fault of keybearer, please report it")
            }
            (SourceKind::Directory { .. }, _) => refuse(
                "what is in there is the platform's",
                "rotate the secret where the platform keeps it (Docker, Kubernetes), or keep the key in an env file",
            ),
            (SourceKind::SystemdCredentials { .. }, _) => refuse(
                "they are copied when the unit starts and cannot change",
                "change the credential and restart the unit, or keep the key in an env file",
            ),
            (SourceKind::Command(_), _) => refuse(
                "it is what a command prints",
                "change the key with the tool that keeps it and run keybearer reload, or keep the key in an env file",
            ),
            (SourceKind::Environment { .. }, _) => refuse(
                "what was inherited cannot change while keybearer runs",
                "keep the key in an env file",
            ),
        }
    }

    /// What the document calls the current key.
    pub fn key_name(&self) -> &str {
        match self {
            Place::File(file) => file.key_name(),
            Place::Store(store) => store.key_name(),
        }
    }

    /// What two instances that use one document have in common, whatever way each config names it. No
    /// secret is in it.
    pub fn identity(&self) -> String {
        match self {
            Place::File(file) => file.identity(),
            Place::Store(store) => store.identity(),
        }
    }

    pub fn read(&self) -> Result<(Document, Version), Error> {
        match self {
            Place::File(file) => file.read(),
            Place::Store(store) => store.read(),
        }
    }

    /// Writes the document if it is still of this version. What is equal stays as it is written. Of a store
    /// the patience is that of `[fetch] within`.
    pub fn write(&self, document: &Document, version: &Version) -> Result<Version, Error> {
        match self {
            Place::File(file) => file.write(document, version, PATIENCE),
            Place::Store(store) => store.write(document, version),
        }
    }
}

/// As messages show it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(file) => file.fmt(f),
            Place::Store(store) => store.fmt(f),
        }
    }
}
