use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{Encoding, Selection};
use crate::files::{self, Rule, quoted};
use crate::keyring::Document;
use crate::secrets::{Name, Secret};
use crate::sources::env_file::{Change, Edit};
use crate::sources::{self, env_file};

use super::content::{self, Field, Written};
use super::own_names::OwnNames;
use super::{Error, Fields, Version};

/// A document that is an env file.
#[derive(Debug, Clone)]
pub struct InFile {
    path: PathBuf,
    names: OwnNames,
    encoding: Encoding,
}

impl InFile {
    pub(super) fn of(path: &Path, selection: &Selection, fields: &Fields) -> Result<InFile, Error> {
        let names = OwnNames::of(fields, selection, &quoted(path), true)?;
        Ok(InFile { path: path.to_owned(), names, encoding: fields.encoding })
    }

    /// What the document calls the current key.
    pub fn key_name(&self) -> &str {
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

    /// Whoever may read the file may hold its lock, and is waited for that long.
    pub fn write(
        &self,
        document: &Document,
        version: &Version,
        patience: Duration,
    ) -> Result<Version, Error> {
        let held = files::hold(&self.path, patience).map_err(Error::unwritten)?;
        let found = Version::of(held.bytes());
        if found != *version {
            return Err(Error::Conflict { from: quoted(&self.path) });
        }
        let parsed = self.parse(held.bytes())?;
        let before = self.document(&parsed)?;
        let from = quoted(&self.path);
        let written = Written::of(document, &before, &self.names, self.encoding, &from)?;
        if written.is_equal() {
            return Ok(found);
        }
        let names = self.names.all().map(str::parse::<Name>);
        let edits: Vec<Edit<'_>> = names
            .iter()
            .zip(written.fields())
            .filter_map(|(name, field)| {
                let change = match field {
                    Field::Keep => Change::Keep,
                    Field::Set(value) => Change::Set(value),
                    Field::Remove => Change::Remove,
                };
                // They were parsed when the place was made.
                Some(Edit { name: name.as_ref().ok()?, change })
            })
            .collect();
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
        let get = |name: &str| -> Option<&Secret> {
            let mut standing = parsed.assignments.iter().rev();
            standing.find(|assignment| assignment.name.as_str() == name).map(|found| &found.value)
        };
        content::read(&self.names, self.encoding, &quoted(&self.path), get)
    }

    fn unedited(&self, error: env_file::EditError) -> Error {
        use env_file::EditError;
        let from = quoted(&self.path);
        match error {
            EditError::Duplicate { name, lines } => Error::Duplicate { from, name, lines },
            EditError::Unwritable { name } => Error::NotReadBack { from, name: name.to_string() },
            EditError::NoPlace { .. } => Error::NoKey { from, name: self.names.current.clone() },
        }
    }
}

/// As messages show it.
impl fmt::Display for InFile {
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
