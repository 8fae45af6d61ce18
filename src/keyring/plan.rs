use std::time::Duration;

use super::{Carried, Document, Keys, Policy};
use crate::secrets::Secret;

/// A host that takes a promotion over within this time is not late: a key need not be carried for it.
const LATE: Duration = Duration::from_secs(3_600);

/// How the wanted keys come in.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// The keys of the environments to hand over, in order. Empty: those that run are as they are
    /// wanted, perhaps in another order, and go into any environment that is made for other reasons.
    pub steps: Vec<Keys>,
    /// What must be remembered once the last step has been taken, the newest first.
    pub carried: Vec<Carried>,
}

/// From what runs (None: nothing does yet) to what is wanted. It goes by what runs and never by what
/// was planned before, so a plan that was cut in half resumes.
pub fn plan(
    running: Option<&Keys>,
    wanted: &Document,
    carried: &[Carried],
    policy: Policy,
) -> Plan {
    let in_use = running
        .map(|keys| &keys.current)
        .filter(|key| **key != wanted.current && !wanted.record.is_revoked(key.fingerprint()));
    let signed = signed_here(in_use, carried, policy);
    let settled = keys(None, &signed, wanted, policy);
    let steps = match (running, in_use) {
        (Some(running), Some(in_use)) => {
            replace(running, keys(Some(in_use), &signed, wanted, policy), settled, policy)
        }
        (Some(running), None) if running.same(&settled) => Vec::new(),
        (Some(_) | None, _) => vec![settled],
    };
    Plan { steps, carried: remember(signed, wanted, policy) }
}

/// Another key shall sign than the one that does. `first` knows the old key above all; it is the end
/// too, unless a staged key needs the only place there is: then that one comes after it.
fn replace(running: &Keys, first: Keys, settled: Keys, policy: Policy) -> Vec<Keys> {
    let mut steps = Vec::new();
    if policy.overlap && !running.verifies(&first.current) {
        steps.push(learn(&running.current, &first));
    }
    let more = !first.same(&settled);
    steps.push(first);
    if more {
        steps.push(settled);
    }
    steps
}

/// The old key still signs, and the new one is verified: it takes the place that the old one has
/// among the fallbacks of `first`, which is the first.
fn learn(in_use: &Secret, first: &Keys) -> Keys {
    let others = first.fallbacks.iter().filter(|key| *key != in_use);
    let fallbacks = std::iter::once(&first.current).chain(others).map(Secret::duplicate).collect();
    Keys { current: in_use.duplicate(), fallbacks }
}

/// The keys that signed here, the newest first, less those past their time. The one in use has no
/// time yet, whatever the document says of it.
fn signed_here(in_use: Option<&Secret>, carried: &[Carried], policy: Policy) -> Vec<Carried> {
    let newest = in_use
        .map(|key| Carried { key: key.duplicate(), until: policy.now + policy.grace })
        .into_iter();
    let earlier = carried
        .iter()
        .filter(|carried| carried.until >= policy.now && Some(&carried.key) != in_use)
        .map(Carried::duplicate);
    newest.chain(earlier).collect()
}

/// What shall run in the end, but for `first`. This one order says both which key stands before which
/// and which goes when there are too many.
fn keys(first: Option<&Secret>, signed: &[Carried], wanted: &Document, policy: Policy) -> Keys {
    let Document { current, fallbacks, next, record } = wanted;
    let kept = fallbacks.iter().filter(|key| !record.is_past(key.fingerprint(), policy.now));
    let signed = signed.iter().map(|carried| &carried.key);
    let mut chosen: Vec<&Secret> = Vec::new();
    for key in first.into_iter().chain(next).chain(signed).chain(kept) {
        if chosen.len() == policy.keep.max(1) {
            break;
        }
        if key != current && !chosen.contains(&key) && !record.is_revoked(key.fingerprint()) {
            chosen.push(key);
        }
    }
    let fallbacks = chosen.into_iter().map(Secret::duplicate).collect();
    Keys { current: current.duplicate(), fallbacks }
}

/// Of the keys that signed here those that are still verified, less those among the document's
/// fallbacks: these are its own to keep and to drop. One stays with us where the document alone would
/// not give it a place, or not for as long: it counts from the promotion, and this host may have taken
/// that over late. A staged key that signed here stays too, because it may be aborted.
fn remember(signed: Vec<Carried>, wanted: &Document, policy: Policy) -> Vec<Carried> {
    let settled = keys(None, &signed, wanted, policy);
    let mut carried: Vec<Carried> =
        signed.into_iter().filter(|carried| settled.fallbacks.contains(&carried.key)).collect();
    for key in &wanted.fallbacks {
        let Some(at) = carried.iter().position(|carried| carried.key == *key) else { continue };
        let held = carried.remove(at);
        let until = wanted.record.until(key.fingerprint());
        let long_enough = until.is_none_or(|until| until + LATE >= held.until);
        if !long_enough || !keys(None, &carried, wanted, policy).same(&settled) {
            carried.insert(at, held);
        }
    }
    carried
}
