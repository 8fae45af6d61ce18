//! The steps of a rotation: each makes of the document as it is the one to be written in its place.
//! What a step says nothing of stays as it is; of the record only what no longer names a key of the
//! document goes.

use std::time::Duration;

use super::{Carried, Dated, Document, Record, Refused, Staged};
use crate::moment::Moment;
use crate::secrets::{Fingerprint, Secret};

/// So many revoked keys are remembered.
const REVOKED: usize = 20;

/// A new key, for everybody to verify. `due` is when everybody does, where that can be told.
pub fn prepare(
    document: &Document,
    key: Secret,
    now: Moment,
    due: Option<Moment>,
) -> Result<Document, Refused> {
    if let Some(staged) = document.staged() {
        let key = staged.fingerprint();
        return Err(Refused::Staged { key, at: document.record.staged(key).map(|s| s.at) });
    }
    must_be_new(document, &key)?;
    let mut document = document.duplicate();
    document.record.staged = Some(Staged { key: key.fingerprint(), at: now, due });
    document.next = Some(key);
    Ok(tidy(document))
}

/// The staged key signs, and the one that did is kept for the time of grace.
pub fn promote(
    document: &Document,
    keep: usize,
    grace: Duration,
    now: Moment,
) -> Result<Document, Refused> {
    let mut document = document.duplicate();
    let next = document.next.take().filter(|next| *next != document.current);
    let next = next.ok_or(Refused::NothingStaged)?;
    let key = next.fingerprint();
    if document.record.is_revoked(key) {
        return Err(Refused::Revoked { key });
    }
    let old = std::mem::replace(&mut document.current, next);
    document.record.current = Some(Dated { key, at: now });
    add(&mut document, old, Some(now + grace));
    drop_fallbacks(&mut document, keep, now);
    Ok(tidy(document))
}

/// Drops the fallbacks that need not be kept, and says which. With none to drop the document is
/// unchanged.
pub fn retire(document: &Document, keep: usize, now: Moment) -> (Document, Vec<Fingerprint>) {
    let mut retired = document.duplicate();
    let dropped = drop_fallbacks(&mut retired, keep, now);
    match dropped.is_empty() {
        true => (retired, dropped),
        false => (tidy(retired), dropped),
    }
}

/// Drops the staged key.
pub fn abort(document: &Document) -> Result<Document, Refused> {
    let mut document = document.duplicate();
    document.next.take().ok_or(Refused::NothingStaged)?;
    Ok(tidy(document))
}

/// The current key was leaked: a new one signs, and neither the old one nor a staged one ever verifies
/// again. The other fallbacks stay.
pub fn revoke(document: &Document, key: Secret, now: Moment) -> Result<Document, Refused> {
    must_be_new(document, &key)?;
    let mut document = document.duplicate();
    let new = Dated { key: key.fingerprint(), at: now };
    let leaked = std::mem::replace(&mut document.current, key);
    let staged = document.next.take();
    document.record.current = Some(new);
    let revoked = std::iter::once(leaked).chain(staged).map(|key| key.fingerprint());
    document.record.revoked.splice(..0, revoked);
    let Document { fallbacks, record, .. } = &mut document;
    fallbacks.retain(|key| !record.is_revoked(key.fingerprint()));
    Ok(tidy(document))
}

/// Writes down what was carried in memory, and since when the current key signs where that is not
/// known. With neither to write the document is unchanged.
pub fn carry(document: &Document, carried: &[Carried], keep: usize, now: Moment) -> Document {
    let mut written = document.duplicate();
    // The newest is put first in the end.
    for Carried { key, until } in carried.iter().rev() {
        let fingerprint = key.fingerprint();
        if *until < now || *key == document.current || document.record.is_revoked(fingerprint) {
            continue;
        }
        let until = match document.fallbacks.contains(key) {
            // One that has no time is the operator's, and goes on without.
            true => document.record.until(fingerprint).map(|known| known.max(*until)),
            false => Some(*until),
        };
        add(&mut written, key.duplicate(), until);
    }
    if written.fallbacks != document.fallbacks {
        drop_fallbacks(&mut written, keep, now);
    }
    let current = document.current.fingerprint();
    if document.record.since(current).is_none() {
        written.record.current = Some(Dated { key: current, at: now });
    }
    if written == *document { written } else { tidy(written) }
}

/// First among the fallbacks.
fn add(document: &mut Document, key: Secret, until: Option<Moment>) {
    let fingerprint = key.fingerprint();
    let Document { fallbacks, record, .. } = document;
    record.fallbacks.retain(|other| other.key != fingerprint);
    if let Some(at) = until {
        record.fallbacks.insert(0, Dated { key: fingerprint, at });
    }
    fallbacks.retain(|other| *other != key);
    fallbacks.insert(0, key);
}

/// Those that sign, were revoked, are past their time, or are too many, from the end.
fn drop_fallbacks(document: &mut Document, keep: usize, now: Moment) -> Vec<Fingerprint> {
    let Document { current, fallbacks, record, .. } = document;
    let mut kept = 0;
    let mut dropped = Vec::new();
    fallbacks.retain(|key| {
        let fingerprint = key.fingerprint();
        let good = key != current
            && !record.is_revoked(fingerprint)
            && !record.is_past(fingerprint, now)
            && kept < keep.max(1);
        match good {
            true => kept += 1,
            false => dropped.push(fingerprint),
        }
        good
    });
    dropped
}

fn must_be_new(document: &Document, key: &Secret) -> Result<(), Refused> {
    let fingerprint = key.fingerprint();
    let known = document.current == *key
        || document.next.as_ref() == Some(key)
        || document.fallbacks.contains(key)
        || document.record.is_revoked(fingerprint);
    if known { Err(Refused::NotNew { key: fingerprint }) } else { Ok(()) }
}

/// The record says nothing of keys that are no longer there, and each thing once.
fn tidy(mut document: Document) -> Document {
    let current = document.current.fingerprint();
    let next = document.next.as_ref().map(Secret::fingerprint);
    let fallbacks: Vec<Fingerprint> = document.fallbacks.iter().map(Secret::fingerprint).collect();
    let Record { current: since, staged, fallbacks: until, revoked } = &mut document.record;
    *since = since.filter(|dated| dated.key == current);
    *staged = staged.filter(|staged| Some(staged.key) == next);
    let mut dated = Vec::new();
    until.retain(|entry| fallbacks.contains(&entry.key) && once(&mut dated, entry.key));
    let mut seen = Vec::new();
    revoked.retain(|key| once(&mut seen, *key));
    revoked.truncate(REVOKED);
    document
}

fn once(seen: &mut Vec<Fingerprint>, key: Fingerprint) -> bool {
    let first = !seen.contains(&key);
    if first {
        seen.push(key);
    }
    first
}
