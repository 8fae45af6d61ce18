use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::files::{self, Refusal, command_word, quoted};
use crate::helper::{self, Got, Kept, LONGEST};
use crate::moment::Moment;

/// Before all else in the file; another form of it has another number.
const MAGIC: &[u8] = b"keybearer cache 1\n";
const DIGEST: usize = 32;

/// `[cache]`: what the stores gave last and was good, for when they are away. A file in memory.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    max_age: Duration,
}

impl Cache {
    /// In this directory, for the instance of this name.
    pub fn new(directory: &Path, name: &str, max_age: Duration) -> Cache {
        Cache { path: directory.join(format!("{name}.cache")), max_age }
    }

    pub(super) fn shown(&self) -> String {
        quoted(&self.path)
    }

    /// All that is in it. Nothing where there is no such file; else why it is not believed.
    pub(super) fn read(&self) -> Result<Vec<Kept>, String> {
        let bytes = match files::read_own(&self.path) {
            Ok(bytes) => bytes,
            Err(Refusal::Missing { .. } | Refusal::MissingDirectory { .. }) => {
                return Ok(Vec::new());
            }
            Err(refusal) => return Err(format!("not using the cache: {refusal}")),
        };
        content(&bytes).ok_or_else(|| {
            let (path, word) = (self.shown(), command_word(&self.path));
            format!("not using the cache: {path} is cut short or broken; run: rm {word}")
        })
    }

    /// Puts these in the place of what it has of the same sources. What it has of others, a command of
    /// the same name with other sources has written, and goes when it is too old.
    pub(super) fn write(&self, fresh: Vec<Kept>, now: Moment) -> Result<(), String> {
        // What cannot be read is written over.
        let mut kept = self.read().unwrap_or_default();
        kept.retain(|old| {
            let is_replaced = fresh.iter().any(|new| new.identity == old.identity);
            !is_replaced && self.age_of(old, now).is_ok()
        });
        kept.extend(fresh);
        self.put(&kept).inspect_err(|_| {
            // What is there is outdated by now, and the next start would believe it.
            if self.read().is_ok_and(|old| !old.is_empty()) {
                let _ = files::remove_own(&self.path);
            }
        })
    }

    /// The stores have said that these are as they were: those of which `origin` knows whose they are.
    /// Whose were.
    pub(super) fn confirm(
        &self,
        origin: impl Fn(&Kept) -> Option<usize>,
        now: Moment,
    ) -> Result<Vec<usize>, String> {
        let mut kept = self.read()?;
        let mut confirmed = Vec::new();
        let mut is_changed = false;
        for one in &mut kept {
            if let Some(origin) = origin(one) {
                confirmed.push(origin);
                is_changed |= one.at != now;
                one.at = now;
            }
        }
        if is_changed {
            self.put(&kept)?;
        }
        Ok(confirmed)
    }

    fn put(&self, kept: &[Kept]) -> Result<(), String> {
        let message = helper::encode_kept(kept);
        if message.len() > LONGEST {
            return Err(format!("not keeping a cache: it would take {} bytes", message.len()));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAGIC.len() + DIGEST + message.len()));
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&Sha256::digest(&*message));
        bytes.extend_from_slice(&message);
        files::write_own(&self.path, &bytes)
            .map_err(|error| format!("not keeping a cache of the stores: {error}"))
    }

    /// How old, or why that is not to be believed.
    pub(super) fn age_of(&self, kept: &Kept, now: Moment) -> Result<Duration, String> {
        let path = self.shown();
        if kept.at > now {
            return Err(format!(
                "not using the cache {path}: it is from the future ({}; the clock says {now})",
                kept.at
            ));
        }
        let age = now.since(kept.at);
        if age > self.max_age {
            return Err(format!(
                "not using the cache {path}: it is of {}, and [cache] max-age is {:?}",
                kept.at, self.max_age
            ));
        }
        Ok(age)
    }
}

/// None: not a whole file of this version.
fn content(bytes: &[u8]) -> Option<Vec<Kept>> {
    let (digest, message) = bytes.strip_prefix(MAGIC)?.split_at_checked(DIGEST)?;
    if Sha256::digest(message)[..] != *digest {
        return None;
    }
    helper::decode_kept(message).ok()
}

/// What is kept of it: nothing that a store would take for a login, and nothing that ends by itself.
pub(super) fn without_login(got: &Got) -> Got {
    let copy = |pairs: &[(String, crate::secrets::Secret)]| {
        pairs.iter().map(|(name, value)| (name.clone(), value.duplicate())).collect()
    };
    Got {
        entries: copy(&got.entries),
        version: got.version.clone(),
        identity: got.identity.clone(),
        history: copy(&got.history),
        lease: None,
        state: None,
        used: got.used.clone(),
        warnings: got.warnings.clone(),
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
