use super::site::Site;
use crate::app::error::Error;
use crate::documents::{self, InStore, Place, Version};
use crate::helper::{self, Answer};
use crate::keyring::{Carried, Document, steps};
use crate::log;
use crate::moment::Moment;
use crate::secrets::Fingerprint;
use crate::supervise::Errand;

/// So often somebody else may be faster.
const TRIES: u32 = 5;

/// Keys that are carried in memory go into the document, where that can be done.
impl Site<'_> {
    /// A restart of keybearer must not forget a key that it carries.
    pub(super) fn store_carried(&mut self) {
        let Some(newest) = self.newest_not_stored().map(|newest| newest.key.fingerprint()) else {
            return;
        };
        let keys = &self.prepared.settings.keys;
        let Some(known) = &mut self.document else { return };
        let in_store = matches!(known.place(), Ok(Place::Store(_)));
        let stored = match keys.write_back {
            Some(false) => Err(Error::NotWritable("[keys] write-back is false".to_owned())),
            None if in_store => Err(Error::NotWritable(
                "[keys] write-back is not true, and a store is written to only then".to_owned(),
            )),
            Some(true) if in_store => return self.send_for_document(1),
            Some(true) | None => known.store(&self.carried, keys.keep),
        };
        match stored {
            Ok(()) => self.was_stored(Some(newest)),
            Err(error) => self.was_not_stored(&error),
        }
    }

    fn newest_not_stored(&self) -> Option<&Carried> {
        self.document.as_ref()?.not_stored(&self.carried).next()
    }

    /// `written`: by this instance.
    fn was_stored(&mut self, written: Option<Fingerprint>) {
        let Some(known) = &self.document else { return };
        self.stored = known.keys();
        if let Some(key) = written {
            log::info(format_args!("wrote key {key} to the fallbacks of the document"));
        }
    }

    fn was_not_stored(&mut self, error: &Error) {
        let Some(newest) = self.newest_not_stored() else { return };
        let (key, until) = (newest.key.fingerprint(), newest.until);
        self.saying.once(format!(
            "key {key} is carried, not stored: a restart of keybearer before {until} would forget it, and whoever it signed for would be logged out ({error})"
        ));
    }

    fn in_store(&self) -> Option<InStore> {
        match self.document.as_ref()?.place() {
            Ok(Place::Store(place)) => Some(place.clone()),
            Ok(Place::File(_)) | Err(_) => None,
        }
    }

    fn send_for_document(&mut self, tries: u32) {
        let Some(place) = self.in_store() else { return };
        match place.start_read() {
            Ok(job) => {
                self.tries_to_store = tries;
                self.supervisor.send(Errand::ReadDocument, job);
            }
            Err(error) => self.was_not_stored(&error.into()),
        }
    }

    pub(super) fn document_was_read(&mut self, answer: Result<Answer, helper::Error>) {
        let Some(place) = self.in_store() else { return };
        let read = answer.map_err(from_helper).and_then(|answer| place.was_read(answer));
        let written = read.and_then(|(before, version): (Document, Version)| {
            let keep = self.prepared.settings.keys.keep;
            let next = steps::carry(&before, &self.carried, keep, Moment::now());
            let job = place.start_write(&next, &before, &version)?;
            Ok((next, job))
        });
        match written {
            Ok((document, Some(job))) => {
                self.on_the_way = Some(document);
                self.supervisor.send(Errand::WriteDocument, job);
            }
            // Another host has written it.
            Ok((document, None)) => self.note_stored(&document, None),
            Err(error) => self.was_not_stored(&error.into()),
        }
    }

    pub(super) fn document_was_written(&mut self, answer: Result<Answer, helper::Error>) {
        let Some(document) = self.on_the_way.take() else { return };
        let Some(place) = self.in_store() else { return };
        match answer.map_err(from_helper).and_then(|answer| place.was_written(answer)) {
            Ok(()) => {
                let newest = self.newest_not_stored().map(|newest| newest.key.fingerprint());
                self.note_stored(&document, newest);
            }
            Err(documents::Error::Conflict { .. }) if self.tries_to_store < TRIES => {
                log::debug("the document was changed at the same time; once more");
                self.send_for_document(self.tries_to_store + 1);
            }
            Err(error) => self.was_not_stored(&error.into()),
        }
    }

    fn note_stored(&mut self, document: &Document, written: Option<Fingerprint>) {
        if let Some(known) = &mut self.document {
            known.note(document);
        }
        self.was_stored(written);
    }
}

fn from_helper(error: helper::Error) -> documents::Error {
    documents::Error::Store(error.into())
}
