use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::helper::{Failure, Got, Kind, Lease};
use crate::secrets::Secret;

/// A renewal that failed is tried again after no less than this.
const SOON: Duration = Duration::from_secs(1);

/// Credentials that a store has made for this site, and when they end.
#[derive(Debug, Default)]
pub(super) struct Leases(Vec<Kept>);

#[derive(Debug)]
pub(super) struct Kept {
    pub origin: usize,
    pub id: String,
    /// How long it was given for at first.
    pub seconds: u64,
    /// What it is about, for the next environment.
    entries: Vec<(String, Secret)>,
    look_at: Instant,
    ends_at: Instant,
    renewable: bool,
    /// It ends and cannot be renewed: the next environment has other credentials.
    ending: bool,
    /// Nobody uses it, and the store has been told, or is being told.
    revoking: bool,
}

impl Leases {
    pub fn note(&mut self, origin: usize, got: &Got, now: Instant) {
        let Some(Lease { id, seconds, renewable, .. }) = &got.lease else { return };
        let entries = got.entries.iter().map(|(n, v)| (n.clone(), v.duplicate())).collect();
        let (look_at, ends_at) = times(*seconds, now);
        self.0.push(Kept {
            origin,
            id: id.clone(),
            seconds: *seconds,
            entries,
            look_at,
            ends_at,
            renewable: *renewable,
            ending: false,
            revoking: false,
        });
    }

    /// What the next environment of this source is made of, while its credentials are good.
    pub fn reused(&self, origin: usize, now: Instant) -> Option<Got> {
        let kept = self.newest(origin)?;
        if kept.ending || kept.ends_at <= now {
            return None;
        }
        let entries = kept.entries.iter().map(|(n, v)| (n.clone(), v.duplicate())).collect();
        Some(Got { entries, ..Got::default() })
    }

    pub fn origin(&self, id: &str) -> Option<usize> {
        self.0.iter().find(|kept| kept.id == id).map(|kept| kept.origin)
    }

    pub fn left(&self, origin: usize, now: Instant) -> Option<Duration> {
        Some(self.newest(origin)?.ends_at.saturating_duration_since(now))
    }

    fn newest(&self, origin: usize) -> Option<&Kept> {
        self.0.iter().rev().find(|kept| kept.origin == origin && !kept.revoking)
    }

    pub fn ids(&self) -> BTreeSet<String> {
        let origins: BTreeSet<usize> = self.0.iter().map(|kept| kept.origin).collect();
        origins.into_iter().filter_map(|origin| Some(self.newest(origin)?.id.clone())).collect()
    }

    /// In the order asked for.
    pub fn these(&self, ids: &[String]) -> impl Iterator<Item = &Kept> {
        ids.iter().filter_map(|id| self.0.iter().find(|kept| kept.id == *id))
    }

    /// When the next one has two thirds of its time behind it, or has to be replaced once more where
    /// that came to nothing.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.iter().filter(|kept| !kept.is_over()).map(|kept| kept.look_at).min()
    }

    /// Those whose time it is. One that cannot be renewed ends from now on.
    pub fn due(&mut self, now: Instant) -> Due {
        let mut due = Due { renew: Vec::new(), replace: false };
        for kept in self.0.iter_mut().filter(|kept| !kept.is_over() && kept.look_at <= now) {
            if kept.renewable && !kept.ending {
                due.renew.push(kept.id.clone());
                // Until there is an answer.
                kept.look_at = kept.ends_at.max(now + SOON);
            } else {
                due.replace = true;
                kept.ends(now);
            }
        }
        due
    }

    /// True: it has to be replaced.
    pub fn renewed(&mut self, id: &str, result: &Result<Lease, Failure>, now: Instant) -> bool {
        let Some(kept) = self.0.iter_mut().find(|kept| kept.id == id) else { return false };
        match result {
            Ok(lease) => {
                (kept.look_at, kept.ends_at) = times(lease.seconds, now);
                // Given for less than was asked: its last time has begun.
                if !lease.renewable || lease.seconds < kept.seconds {
                    kept.ends(now);
                }
            }
            Err(failure) if failure.kind == Kind::Unreachable => {
                let left = kept.ends_at.saturating_duration_since(now);
                kept.look_at = now + (left / 4).max(SOON);
                if left.is_zero() {
                    kept.ends(now);
                }
            }
            Err(_) => kept.ends(now),
        }
        kept.ending
    }

    /// Those that nobody uses any more, and that the store was not told of yet.
    pub fn unused(&mut self, in_use: &BTreeSet<String>) -> Vec<String> {
        let wanted = self.ids();
        self.revoke(|kept| {
            !kept.revoking && !wanted.contains(&kept.id) && !in_use.contains(&kept.id)
        })
    }

    /// Nobody is left who could use any. What was being revoked may not have been.
    pub fn all_unused(&mut self) -> Vec<String> {
        self.revoke(|_| true)
    }

    fn revoke(&mut self, which: impl Fn(&Kept) -> bool) -> Vec<String> {
        let chosen = self.0.iter_mut().filter(|kept| which(kept));
        chosen
            .map(|kept| {
                kept.revoking = true;
                kept.id.clone()
            })
            .collect()
    }

    pub fn forget_revoked(&mut self) {
        self.0.retain(|kept| !kept.revoking);
    }
}

impl Kept {
    /// Its last time has begun. Until it is over the site is to have another one, again and again.
    fn ends(&mut self, now: Instant) {
        self.ending = true;
        self.look_at = now + (self.ends_at.saturating_duration_since(now) / 4).max(SOON);
    }

    /// Nothing that is done now can help it.
    fn is_over(&self) -> bool {
        self.revoking || (self.ending && self.look_at > self.ends_at)
    }
}

pub(super) struct Due {
    pub renew: Vec<String>,
    pub replace: bool,
}

/// When two thirds of it are over, and when all of it is.
fn times(seconds: u64, now: Instant) -> (Instant, Instant) {
    // Ten years are as good as any time after.
    let whole = Duration::from_secs(seconds.min(315_360_000));
    (now + whole * 2 / 3, now + whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn given(leases: &mut Leases, id: &str, now: Instant) {
        let lease = Lease { id: id.to_owned(), seconds: 9, renewable: true, state: None };
        let entries = vec![("username".to_owned(), Secret::new(id.to_owned()))];
        leases.note(0, &Got { entries, lease: Some(lease), ..Got::default() }, now);
    }

    fn lease(seconds: u64) -> Result<Lease, Failure> {
        Ok(Lease { seconds, renewable: true, ..Lease::default() })
    }

    #[test]
    fn it_is_renewed_at_two_thirds_and_replaced_when_that_ends() {
        let (mut leases, start) = (Leases::default(), Instant::now());
        given(&mut leases, "a", start);
        assert_eq!(leases.deadline(), Some(start + 6 * SECOND));
        assert!(leases.due(start + 5 * SECOND).renew.is_empty());
        let now = start + 6 * SECOND;
        assert_eq!(leases.due(now).renew, ["a"]);
        assert!(leases.due(now).renew.is_empty(), "it is on its way");
        assert!(!leases.renewed("a", &lease(9), now));
        assert_eq!(leases.deadline(), Some(start + 12 * SECOND));
        assert!(leases.reused(0, now).is_some());
        assert!(leases.renewed("a", &lease(3), start + 12 * SECOND));
        let now = start + 12 * SECOND;
        assert!(leases.reused(0, now).is_none());
        // It is in the last of its three seconds: twice more there is time to replace it.
        assert_eq!(leases.deadline(), Some(now + SECOND));
        assert!(leases.due(now + SECOND).replace);
        assert!(leases.due(now + 2 * SECOND).replace);
        assert!(leases.due(now + 3 * SECOND).replace);
        assert_eq!(leases.deadline(), None);
    }

    #[test]
    fn a_store_that_is_away_is_asked_again_and_one_that_says_no_is_not() {
        let (mut leases, start) = (Leases::default(), Instant::now());
        given(&mut leases, "a", start);
        let now = start + 6 * SECOND;
        let away = Err(Failure::new(Kind::Unreachable, "away"));
        assert!(!leases.renewed("a", &away, now));
        assert_eq!(leases.deadline(), Some(now + SECOND));
        assert!(leases.reused(0, now).is_some());
        let no = Err(Failure::new(Kind::Refused, "no"));
        assert!(leases.renewed("a", &no, now));
        assert!(leases.reused(0, now).is_none());
    }

    #[test]
    fn what_runs_and_what_comes_next_is_not_revoked() {
        let (mut leases, now) = (Leases::default(), Instant::now());
        for id in ["a", "b", "c"] {
            given(&mut leases, id, now);
        }
        let in_use = ["a".to_owned()].into();
        assert_eq!(leases.unused(&in_use), ["b"]);
        assert!(leases.unused(&in_use).is_empty(), "it is on its way");
        // Somebody who ends in the middle of it cannot know whether it was done.
        assert_eq!(leases.all_unused(), ["a", "b", "c"]);
        leases.forget_revoked();
        assert!(leases.all_unused().is_empty());
    }

    #[test]
    fn what_is_being_revoked_is_neither_renewed_nor_used_again() {
        let (mut leases, now) = (Leases::default(), Instant::now());
        given(&mut leases, "a", now);
        leases.all_unused();
        assert!(leases.reused(0, now).is_none());
        assert_eq!(leases.deadline(), None);
        assert!(leases.due(now + 9 * SECOND).renew.is_empty());
    }
}
