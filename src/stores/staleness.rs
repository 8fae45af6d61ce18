use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::moment::Moment;
use crate::splay::splayed;

/// A store that was away is asked again so soon, and later less often.
const SOON: Duration = Duration::from_secs(4);
const SELDOM: Duration = Duration::from_secs(300);

/// Which sources were taken from the cache, by their index, and since when they may be outdated.
#[derive(Debug, Default)]
pub(super) struct Staleness {
    /// What the site runs with.
    pub running: BTreeMap<usize, Moment>,
    /// What was fetched last.
    pub fetched: BTreeMap<usize, Moment>,
    /// When each was fetched that the cache has from this very process: it must not go back behind that.
    pub kept: BTreeMap<usize, Moment>,
    /// Why the store was away, where that was so.
    pub why: String,
    retry_at: Option<Instant>,
    tries: u32,
}

impl Staleness {
    /// Another fetch is over.
    pub fn ask_again(&mut self, now: Instant) {
        if self.running.is_empty() && self.fetched.is_empty() {
            (self.retry_at, self.tries) = (None, 0);
            return;
        }
        let wait = SOON.saturating_mul(1 << self.tries.min(16)).min(SELDOM);
        self.tries += 1;
        self.retry_at = Some(now + splayed(wait));
    }

    /// A fetch came to nothing, perhaps before it was told so here: nobody else would ask again.
    pub fn not_fetched(&mut self, now: Instant) {
        if self.retry_at.is_none() {
            self.ask_again(now);
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.retry_at
    }

    /// True once, when it is time.
    pub fn is_due(&mut self, now: Instant) -> bool {
        self.retry_at.take_if(|at| *at <= now).is_some()
    }

    /// The site runs with what was fetched last. True: it was outdated before, and is no more.
    pub fn taken_over(&mut self) -> bool {
        let was_stale = !self.running.is_empty();
        self.running.clone_from(&self.fetched);
        was_stale && self.running.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetch_that_could_not_even_begin_is_not_the_last() {
        let (mut stale, now) = (Staleness::default(), Instant::now());
        stale.not_fetched(now);
        assert_eq!(stale.deadline(), None);
        stale.running.insert(0, Moment::from_unix(1));
        stale.ask_again(now);
        let later = now + SOON;
        assert!(stale.is_due(later));
        stale.not_fetched(later);
        let next = stale.deadline();
        assert!(next.is_some_and(|at| at > later));
        stale.not_fetched(later);
        assert_eq!(stale.deadline(), next, "it was told so already");
    }

    #[test]
    fn it_is_asked_again_until_the_site_has_what_the_store_has() {
        let (mut stale, now) = (Staleness::default(), Instant::now());
        stale.ask_again(now);
        assert_eq!(stale.deadline(), None);
        stale.fetched.insert(0, Moment::from_unix(1));
        stale.ask_again(now);
        assert!(stale.deadline().is_some_and(|at| at <= now + SOON));
        assert!(!stale.taken_over());
        assert!(!stale.is_due(now) && stale.is_due(now + SOON) && !stale.is_due(now + SOON));
        for _ in 0..100 {
            stale.ask_again(now);
        }
        assert!(stale.deadline().is_some_and(|at| at >= now + SELDOM / 2 && at <= now + SELDOM));
        // It is back, and a gate was in the way.
        stale.fetched.clear();
        stale.ask_again(now);
        assert!(stale.deadline().is_some());
        assert!(stale.taken_over());
        stale.ask_again(now);
        assert_eq!(stale.deadline(), None);
    }
}
