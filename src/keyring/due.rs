use std::time::Duration;

use super::{Document, Step, steps};
use crate::moment::Moment;
use crate::secrets::Fingerprint;

/// Which step of a rotation the time has come for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// Every host has had the time to take over the staged key.
    Promote { key: Fingerprint },
    /// These fallbacks need not be kept.
    Retire { keys: Vec<Fingerprint> },
    /// The current key has signed for so long; None: nobody knows how long.
    Prepare { age: Option<Duration> },
    /// A key is staged, and every host has taken it over at that time; None: nobody can tell, and it
    /// is promoted on the operator's word alone.
    Waiting { key: Fingerprint, until: Option<Moment> },
    /// The next step, and when it will be due.
    Nothing { next: Step, at: Moment },
}

/// A staged key goes before all else: while one waits no other is made.
pub fn due(document: &Document, every: Duration, keep: usize, now: Moment) -> Due {
    let staged = document.staged().map(|key| {
        let key = key.fingerprint();
        (key, document.record.staged(key).and_then(|staged| staged.due))
    });
    if let Some((key, Some(at))) = staged
        && at <= now
    {
        return Due::Promote { key };
    }
    let (_, keys) = steps::retire(document, keep, now);
    if !keys.is_empty() {
        return Due::Retire { keys };
    }
    if let Some((key, until)) = staged {
        return Due::Waiting { key, until };
    }
    let Some(since) = document.record.since(document.current.fingerprint()) else {
        return Due::Prepare { age: None };
    };
    let age = now.since(since);
    if age >= every {
        return Due::Prepare { age: Some(age) };
    }
    next(document, since + every)
}

fn next(document: &Document, prepare: Moment) -> Due {
    let times =
        document.fallbacks.iter().filter_map(|key| document.record.until(key.fingerprint()));
    match times.min() {
        // It is kept to the end of that second.
        Some(until) if until < prepare => {
            Due::Nothing { next: Step::Retire, at: until + Duration::from_secs(1) }
        }
        Some(_) | None => Due::Nothing { next: Step::Prepare, at: prepare },
    }
}
