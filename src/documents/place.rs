use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{Encoding, SourceKind, SourceSpec};
use crate::files::{self, Rule, quoted};
use crate::keyring::Document;
use crate::secrets::{Name, Secret};
use crate::sources::{self, env_file};

use super::content::{self, Written};
use super::own_names::OwnNames;
use super::{Error, Fields, Version};

/// A writer holds the lock for as long as a disk takes to write one small file.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a document is, and what its fields are called there.
#[derive(Debug, Clone)]
pub struct Place {
    path: PathBuf,
    names: OwnNames,
    encoding: Encoding,
}

impl Place {
    pub fn of(spec: &SourceSpec, fields: Fields) -> Result<Place, Error> {
        let refuse =
            |why, mend| Error::Unwritable { source_kind: spec.kind.to_string(), why, mend };
        let path = match &spec.kind {
            SourceKind::EnvFile { path } => path.clone(),
            SourceKind::Directory { .. } => {
                return Err(refuse(
                    "what is in there is the platform's",
                    "rotate the secret where the platform keeps it (Docker, Kubernetes), or keep the key in an env file",
                ));
            }
            SourceKind::SystemdCredentials { .. } => {
                return Err(refuse(
                    "they are copied when the unit starts and cannot change",
                    "change the credential and restart the unit, or keep the key in an env file",
                ));
            }
            SourceKind::Environment { .. } => {
                return Err(refuse(
                    "what was inherited cannot change while keybearer runs",
                    "keep the key in an env file",
                ));
            }
            SourceKind::Remote(_) => {
                return Err(refuse("that is not built yet", "keep the key in an env file"));
            }
        };
        let names = OwnNames::of(&fields, &spec.selection, &quoted(&path))?;
        Ok(Place { path, names, encoding: fields.encoding })
    }

    /// What the document calls the current key.
    pub fn key_name(&self) -> &Name {
        &self.names.current
    }

    /// What two instances that use one document have in common, whatever way each config names it. No
    /// secret is read for it.
    pub fn identity(&self) -> String {
        let path = canonical(&self.path);
        match path.to_str() {
            Some(text) if !text.chars().any(char::is_control) => format!("file:{text}"),
            _ => format!("file:{}", path.as_os_str().as_encoded_bytes().escape_ascii()),
        }
    }

    pub fn read(&self) -> Result<(Document, Version), Error> {
        let contents = files::read(&self.path, Rule::EnvFile)?;
        let document = self.document(&self.parse(&contents.bytes)?)?;
        Ok((document, Version::of(&contents.bytes)))
    }

    /// Writes the document if it is still of this version. What is equal stays as it is written.
    pub fn write(&self, document: &Document, version: &Version) -> Result<Version, Error> {
        self.write_within(document, version, PATIENCE)
    }

    /// The same for one who cannot wait so long for another writer: whoever may read the file may
    /// hold its lock.
    pub fn write_within(
        &self,
        document: &Document,
        version: &Version,
        patience: Duration,
    ) -> Result<Version, Error> {
        let held = files::hold(&self.path, patience).map_err(Error::unwritten)?;
        let found = Version::of(held.bytes());
        if found != *version {
            return Err(Error::Conflict { path: self.path.clone() });
        }
        let parsed = self.parse(held.bytes())?;
        let before = self.document(&parsed)?;
        let from = quoted(&self.path);
        let written = Written::of(document, &before, &self.names, self.encoding, &from)?;
        if written.is_equal() {
            return Ok(found);
        }
        let edits = written.edits(&self.names);
        let bytes = env_file::edit(held.bytes(), &parsed.assignments, &edits)
            .map_err(|error| self.unedited(error))?;
        // The last moment to find out that it is not what was meant.
        if self.parse(&bytes).and_then(|parsed| self.document(&parsed)).ok().as_ref()
            != Some(document)
        {
            return Err(Error::NotReadBack { from, name: self.names.fallbacks.clone() });
        }
        held.replace(&bytes).map_err(Error::unwritten)?;
        Ok(Version::of(&bytes))
    }

    fn parse(&self, bytes: &[u8]) -> Result<env_file::Parsed, Error> {
        env_file::parse(bytes)
            .map_err(|errors| sources::Error::Syntax { path: self.path.clone(), errors }.into())
    }

    fn document(&self, parsed: &env_file::Parsed) -> Result<Document, Error> {
        let get = |name: &_| -> Option<&Secret> {
            let mut standing = parsed.assignments.iter().rev();
            standing.find(|assignment| assignment.name == *name).map(|found| &found.value)
        };
        content::read(&self.names, self.encoding, &quoted(&self.path), get)
    }

    fn unedited(&self, error: env_file::EditError) -> Error {
        use env_file::EditError;
        let from = quoted(&self.path);
        match error {
            EditError::Duplicate { name, lines } => Error::Duplicate { from, name, lines },
            EditError::Unwritable { name } => Error::NotReadBack { from, name },
            EditError::NoPlace { .. } => Error::NoKey { from, name: self.names.current.clone() },
        }
    }
}

/// As messages show it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quoted(&self.path))
    }
}

/// The directory may be reached by links; the file itself may be none.
fn canonical(path: &Path) -> PathBuf {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    let above = fs::canonicalize(above.unwrap_or(Path::new(".")));
    match (above, path.file_name()) {
        (Ok(above), Some(name)) => above.join(name),
        _ => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}
