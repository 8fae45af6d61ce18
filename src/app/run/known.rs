use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::config::Settings;
use crate::documents::{self, Fields, InFile, Place, Version};
use crate::keyring::{Carried, Document, Record, steps};
use crate::log;
use crate::moment::Moment;
use crate::schema::DjangoKeys;
use crate::secrets::{Fingerprint, Secret, generate};
use crate::stores::Stores;

use super::super::error::Error;

/// How long the site may go unsupervised for another writer of the file.
const PATIENCE: Duration = Duration::from_millis(200);

/// What is known of the key's document since the last fetch, and how to write to it.
#[derive(Debug)]
pub(in crate::app) struct Known {
    /// None where it cannot be written: why is said when somebody wants it.
    place: Result<Place, String>,
    /// What those who use the same document have in common.
    pub identity: Option<String>,
    pub key_name: Option<String>,
    pub current: Fingerprint,
    pub fallbacks: Vec<Fingerprint>,
    pub staged: Option<Fingerprint>,
    pub record: Record,
}

impl Known {
    pub fn of(keys: &DjangoKeys, settings: &Settings, stores: Option<&Rc<Stores>>) -> Known {
        let fields = Fields {
            current: keys.current_name.clone(),
            fallbacks: keys.fallbacks_name.clone(),
            encoding: keys.encoding,
        };
        let place = match (settings.sources.get(keys.origin), keys.fallbacks_origin) {
            (_, Some(_)) => Err(format!(
                "{} comes from another source than {}; put both into one",
                keys.fallbacks_name, keys.current_name
            )),
            (None, None) => Err("its source is not in the config".to_owned()),
            (Some(source), None) => {
                Place::of(source, keys.origin, &fields, stores).map_err(|error| error.to_string())
            }
        };
        let known = place.as_ref().ok();
        let mut known = Known {
            identity: known.map(Place::identity),
            key_name: known.map(|place| place.key_name().to_string()),
            place,
            current: keys.document.current.fingerprint(),
            fallbacks: Vec::new(),
            staged: None,
            record: Record::default(),
        };
        known.note(&keys.document);
        known
    }

    pub fn note(&mut self, document: &Document) {
        self.current = document.current.fingerprint();
        self.fallbacks = document.fallbacks.iter().map(Secret::fingerprint).collect();
        self.staged = document.staged().map(Secret::fingerprint);
        self.record = document.record.clone();
    }

    /// All that it holds, and until when where that is known.
    pub fn keys(&self) -> BTreeMap<Fingerprint, Option<Moment>> {
        let others = [Some(self.current), self.staged].into_iter().flatten();
        let keys = self.fallbacks.iter().copied().chain(others);
        keys.map(|key| (key, self.record.until(key))).collect()
    }

    /// Where keybearer itself makes a key. What a store holds others may read as well, and to wait for a
    /// store would leave the site unsupervised.
    pub fn file(&self) -> Result<&InFile, Error> {
        match self.place()? {
            Place::File(file) => Ok(file),
            Place::Store(store) => Err(Error::NotWritable(format!(
                "it is in {store}, and on-hup = \"generate\" writes to env files alone; leave on-hup out, and use keybearer rotate"
            ))),
        }
    }

    pub fn place(&self) -> Result<&Place, Error> {
        self.place.as_ref().map_err(|why| Error::NotWritable(why.clone()))
    }

    /// Those that a restart of keybearer would lose.
    pub fn not_stored<'a>(&self, carried: &'a [Carried]) -> impl Iterator<Item = &'a Carried> {
        carried.iter().filter(|carried| {
            let key = carried.key.fingerprint();
            !self.fallbacks.contains(&key) && self.staged != Some(key)
        })
    }

    /// Writes down the keys that are carried in memory alone.
    pub fn store(&mut self, carried: &[Carried], keep: usize) -> Result<(), Error> {
        self.change(|document, now| Ok(steps::carry(document, carried, keep, now)))
    }

    /// Stages a new key, if none is.
    pub fn stage(&mut self) -> Result<(), Error> {
        self.change(|document, now| match document.staged() {
            Some(_) => Ok(document.duplicate()),
            None => Ok(steps::prepare(document, generate()?, now, None)?),
        })
    }

    pub fn promote(&mut self, keep: usize, grace: Duration) -> Result<(), Error> {
        let staged = self.staged;
        self.change(|document, now| match document.staged() {
            // Another instance of this document has done it meanwhile.
            None if staged == Some(document.current.fingerprint()) => Ok(document.duplicate()),
            Some(_) | None => Ok(steps::promote(document, keep, grace, now)?),
        })
    }

    pub fn retire(&mut self, keep: usize) -> Result<(), Error> {
        self.change(|document, now| Ok(steps::retire(document, keep, now).0))
    }

    /// Somebody else may write at the same time: then once more, from what is there now.
    fn change(
        &mut self,
        step: impl Fn(&Document, Moment) -> Result<Document, Error>,
    ) -> Result<(), Error> {
        let file = self.file()?;
        let attempt = || -> Result<Document, Error> {
            let (document, version): (Document, Version) = file.read()?;
            let next = step(&document, Moment::now())?;
            if next != document {
                file.write(&next, &version, PATIENCE)?;
            }
            Ok(next)
        };
        let next = match attempt() {
            Err(Error::Document(documents::Error::Conflict { .. })) => {
                log::debug("the document was changed at the same time; once more");
                attempt()
            }
            other => other,
        };
        next.map(|document| self.note(&document))
    }
}
