//! Random histories: steps and hands change the document, hosts fetch it and take it over in whole or
//! in part, time passes. What must hold of every plan on the way is said in `check`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::moment::Moment;
use crate::secrets::Secret;

const DAY: u64 = 86_400;
const GRACE: Duration = Duration::from_secs(14 * DAY);
const EVERY: Duration = Duration::from_secs(90 * DAY);

/// Few keys, so that the same ones meet again and again. By number.
const KEYS: u8 = 8;

#[derive(Debug, Clone)]
enum Event {
    Prepare(u8),
    Promote,
    Retire,
    Abort,
    Revoke(u8),
    /// By hand: the keys, and what becomes of the record.
    Edit(Hand),
    /// Fetch, plan, hand over; so many hand-overs succeed.
    Round(usize),
    /// What is carried is written back.
    Carry,
    Pass(u64),
    Keep(usize),
    Overlap(bool),
    /// keybearer itself starts anew and has forgotten what it carried.
    Restart,
}

#[derive(Debug, Clone)]
enum Hand {
    Current(u8),
    Fallbacks(Vec<u8>),
    Next(Option<u8>),
    Revoked(Vec<u8>),
    NoRecord,
}

fn key() -> impl Strategy<Value = u8> {
    0..KEYS
}

fn hand() -> impl Strategy<Value = Hand> {
    prop_oneof![
        3 => key().prop_map(Hand::Current),
        2 => prop::collection::vec(key(), 0..6).prop_map(Hand::Fallbacks),
        1 => prop::option::of(key()).prop_map(Hand::Next),
        1 => prop::collection::vec(key(), 0..3).prop_map(Hand::Revoked),
        1 => Just(Hand::NoRecord),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => key().prop_map(Event::Prepare),
        3 => Just(Event::Promote),
        1 => Just(Event::Retire),
        1 => Just(Event::Abort),
        1 => key().prop_map(Event::Revoke),
        4 => hand().prop_map(Event::Edit),
        8 => (0..4usize).prop_map(Event::Round),
        1 => Just(Event::Carry),
        2 => (0..20 * DAY).prop_map(Event::Pass),
        1 => (1..5usize).prop_map(Event::Keep),
        1 => any::<bool>().prop_map(Event::Overlap),
        1 => Just(Event::Restart),
    ]
}

/// Nothing that takes a key away.
fn harmless() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => key().prop_map(Event::Prepare),
        2 => Just(Event::Promote),
        1 => Just(Event::Retire),
        1 => Just(Event::Abort),
        3 => key().prop_map(|key| Event::Edit(Hand::Current(key))),
        1 => prop::option::of(key()).prop_map(|key| Event::Edit(Hand::Next(key))),
        8 => (0..4usize).prop_map(Event::Round),
        1 => Just(Event::Carry),
        3 => (0..6 * DAY).prop_map(Event::Pass),
        1 => any::<bool>().prop_map(Event::Overlap),
    ]
}

fn secret(number: u8) -> Secret {
    Secret::new(format!("key {number}"))
}

/// Each once, as a document has them.
fn secrets(numbers: &[u8]) -> Vec<Secret> {
    let mut seen = BTreeSet::new();
    numbers.iter().filter(|number| seen.insert(**number)).map(|number| secret(*number)).collect()
}

struct World {
    document: Document,
    running: Option<Keys>,
    carried: Vec<Carried>,
    policy: Policy,
}

impl World {
    fn new() -> World {
        World {
            document: Document {
                current: secret(0),
                fallbacks: Vec::new(),
                next: None,
                record: Record::default(),
            },
            running: None,
            carried: Vec::new(),
            policy: Policy {
                keep: 3,
                grace: GRACE,
                now: Moment::from_unix(1_000 * DAY),
                overlap: true,
            },
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), TestCaseError> {
        let Policy { keep, now, .. } = self.policy;
        let step = match event {
            Event::Prepare(key) => steps::prepare(&self.document, secret(key), now, Some(now)),
            Event::Promote => steps::promote(&self.document, keep, GRACE, now),
            Event::Retire => Ok(steps::retire(&self.document, keep, now).0),
            Event::Abort => steps::abort(&self.document),
            Event::Revoke(key) => steps::revoke(&self.document, secret(key), now),
            Event::Carry => Ok(steps::carry(&self.document, &self.carried, keep, now)),
            Event::Edit(hand) => {
                self.edit(hand);
                return Ok(());
            }
            Event::Round(succeed) => return self.round(succeed),
            Event::Pass(seconds) => {
                self.policy.now = now + Duration::from_secs(seconds);
                return Ok(());
            }
            Event::Keep(keep) => {
                self.policy.keep = keep;
                return Ok(());
            }
            Event::Overlap(overlap) => {
                self.policy.overlap = overlap;
                return Ok(());
            }
            Event::Restart => {
                self.running = None;
                self.carried.clear();
                return Ok(());
            }
        };
        // A step that is refused changes nothing.
        let Ok(document) = step else { return Ok(()) };
        check_step(&self.document, &document)?;
        self.document = document;
        Ok(())
    }

    fn edit(&mut self, hand: Hand) {
        let document = &mut self.document;
        match hand {
            Hand::Current(key) => document.current = secret(key),
            Hand::Fallbacks(keys) => document.fallbacks = secrets(&keys),
            Hand::Next(key) => document.next = key.map(secret),
            Hand::Revoked(keys) => {
                document.record.revoked = secrets(&keys).iter().map(Secret::fingerprint).collect();
            }
            Hand::NoRecord => document.record = Record::default(),
        }
    }

    fn round(&mut self, succeed: usize) -> Result<(), TestCaseError> {
        let plan = self.plan(self.running.as_ref(), &self.carried);
        self.check(&plan)?;
        self.check_cut(&plan)?;
        let all = succeed >= plan.steps.len();
        if let Some(last) = plan.steps.iter().take(succeed).next_back() {
            self.running = Some(last.duplicate());
        }
        if all {
            self.carried = plan.carried;
        }
        Ok(())
    }

    fn plan(&self, running: Option<&Keys>, carried: &[Carried]) -> Plan {
        plan(running, &self.document, carried, self.policy)
    }

    fn revoked(&self, key: &Secret) -> bool {
        self.document.record.is_revoked(key.fingerprint())
    }

    /// The keys that may verify now: staged, among the fallbacks or carried and not past their time,
    /// or in use, or about to be. One that was revoked may not, unless the document itself says that
    /// it shall sign (which the schema refuses before).
    fn good(&self, key: &Secret) -> bool {
        let World { document, running, carried, policy } = self;
        let listed = document.fallbacks.contains(key)
            && !document.record.is_past(key.fingerprint(), policy.now);
        let carried = carried.iter().any(|one| one.key == *key && one.until >= policy.now);
        let in_use = running.as_ref().is_some_and(|running| running.current == *key);
        let staged = document.next.as_ref() == Some(key);
        *key == document.current || (!self.revoked(key) && (listed || carried || in_use || staged))
    }

    fn check(&self, plan: &Plan) -> Result<(), TestCaseError> {
        let World { document, running, policy, .. } = self;
        let mut before = running.as_ref();
        for step in &plan.steps {
            let shown = format!("{before:?} -> {step:?}");
            check_list(&step.fallbacks, &step.current)?;
            prop_assert!(step.fallbacks.len() <= policy.keep, "{}", shown);
            prop_assert!(step.fallbacks.iter().all(|key| self.good(key)), "{}", shown);
            prop_assert!(!step.verifying().is_empty(), "{}", shown);
            if let Some(before) = before
                && (before.current == document.current || !self.revoked(&before.current))
            {
                prop_assert!(step.verifies(&before.current), "forgotten: {}", shown);
                let known = before.verifies(&step.current);
                prop_assert!(known || !policy.overlap, "unknown: {}", shown);
            }
            before = Some(step);
        }
        let Some(last) = before else { return Err(TestCaseError::fail("nothing runs")) };
        prop_assert_eq!(&last.current, &document.current);
        if let Some(staged) = document.staged() {
            prop_assert!(last.verifies(staged), "the staged key is not verified: {:?}", last);
        }
        self.check_complete(last)?;

        let alone = policy.keep == 1 && document.staged().is_some();
        let most = usize::from(policy.overlap) + 1 + usize::from(alone);
        prop_assert!(plan.steps.len() <= most, "{:?}", plan);
        if running.is_none() {
            prop_assert_eq!(plan.steps.len(), 1);
        }
        Ok(())
    }

    /// Nothing is left out while there is a place for it, and what was carried goes first.
    fn check_complete(&self, last: &Keys) -> Result<(), TestCaseError> {
        let World { document, running, carried, policy } = self;
        let in_use = running.as_ref().map(|running| &running.current);
        let carried = carried.iter().filter(|one| one.until >= policy.now).map(|one| &one.key);
        let signed: Vec<&Secret> = in_use.into_iter().chain(carried).collect();
        let missing = |key: &&Secret| self.good(key) && !last.verifies(key);
        let lost = signed.iter().copied().filter(missing).count();
        let left_out = document.fallbacks.iter().filter(missing).count() + lost;
        prop_assert!(left_out == 0 || last.fallbacks.len() == policy.keep, "{:?}", last);
        let staged = document.staged();
        prop_assert!(
            lost == 0
                || last.fallbacks.iter().all(|key| signed.contains(&key) || staged == Some(key)),
            "a key that signed here had to go for one that did not: {:?}",
            last
        );
        Ok(())
    }

    /// Wherever the plan is cut, another one goes on from there to the same end.
    fn check_cut(&self, plan: &Plan) -> Result<(), TestCaseError> {
        let count = plan.steps.len();
        let last = plan.steps.last().or(self.running.as_ref());
        for taken in 1..=count {
            let stands = &plan.steps[taken - 1];
            let carried = if taken == count { &plan.carried } else { &self.carried };
            let resumed = self.plan(Some(stands), carried);
            let left = count - taken;
            prop_assert!(resumed.steps.len() <= left, "{:?}, then {:?}", plan, resumed);
            let end = resumed.steps.last().or(Some(stands));
            prop_assert!(end.zip(last).is_some_and(|(end, last)| end.same(last)), "{:?}", resumed);
            prop_assert_eq!(&resumed.carried, &plan.carried);
        }
        // In another order it is the same, and the current key may be repeated.
        if let Some(last) = last {
            let mut turned = last.duplicate();
            turned.fallbacks.reverse();
            turned.fallbacks.push(last.current.duplicate());
            let again = self.plan(Some(&turned), &plan.carried);
            prop_assert!(again.steps.is_empty(), "{:?}", again);
            prop_assert_eq!(&again.carried, &plan.carried);
        }
        for carried in &plan.carried {
            prop_assert!(last.is_some_and(|last| last.verifies(&carried.key)));
            prop_assert!(carried.until >= self.policy.now);
        }
        Ok(())
    }
}

fn check_list(fallbacks: &[Secret], current: &Secret) -> Result<(), TestCaseError> {
    let once: BTreeSet<&str> = fallbacks.iter().map(Secret::expose).collect();
    prop_assert_eq!(once.len(), fallbacks.len());
    prop_assert!(!once.contains(current.expose()));
    Ok(())
}

/// The record names only what is there, and nothing a second time.
fn check_step(before: &Document, after: &Document) -> Result<(), TestCaseError> {
    if before == after {
        return Ok(());
    }
    let Document { current, fallbacks, next, record } = after;
    let of = |key: &Secret| key.fingerprint();
    prop_assert!(record.current.is_none_or(|dated| dated.key == of(current)));
    prop_assert!(record.staged.is_none_or(|staged| Some(staged.key) == next.as_ref().map(of)));
    let listed: Vec<_> = fallbacks.iter().map(of).collect();
    prop_assert!(record.fallbacks.iter().all(|dated| listed.contains(&dated.key)));
    let once: BTreeSet<_> = record.revoked.iter().collect();
    prop_assert!(once.len() == record.revoked.len() && once.len() <= 20);
    prop_assert!(before.record.revoked.iter().all(|key| record.is_revoked(*key)));
    let twice = fallbacks.iter().enumerate().any(|(at, key)| fallbacks[..at].contains(key));
    prop_assert!(!twice, "{:?}", after);
    prop_assert_eq!(record.to_string().parse::<Record>(), Ok(record.clone()));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_plan_of_every_history_keeps_the_rules(
        events in prop::collection::vec(event(), 1..40),
    ) {
        let mut world = World::new();
        for event in events {
            world.happen(event)?;
        }
        world.round(0)?;
    }

    /// Whatever is done to the document short of taking a key out of it, and whenever it is taken over:
    /// a signature made here is good for the time of grace.
    #[test]
    fn nobody_is_logged_out(events in prop::collection::vec(harmless(), 1..60)) {
        let mut world = World::new();
        world.policy.keep = 100;
        let mut signed: BTreeMap<String, Moment> = BTreeMap::new();
        for event in events {
            // Whoever overwrites a key that does not run here takes it out.
            let runs = world.running.as_ref().map(|running| &running.current);
            if matches!(event, Event::Edit(Hand::Current(_))) && runs != Some(&world.document.current)
            {
                continue;
            }
            world.happen(event)?;
            let now = world.policy.now;
            let Some(running) = &world.running else { continue };
            signed.insert(running.current.expose().to_owned(), now);
            let plan = world.plan(Some(running), &world.carried);
            let last = plan.steps.last().unwrap_or(running);
            for (key, at) in &signed {
                let over = *at + GRACE - Duration::from_secs(3_600) < now;
                let key = Secret::new(key.clone());
                prop_assert!(over || last.verifies(&key), "{} {:?}", key.expose(), last);
            }
        }
    }

    /// What `rotate` does, each step taken over before the next: one hand-over at a time, and on no
    /// side of it a host that signs what another one, a step behind, would not know.
    #[test]
    fn a_cycle_needs_one_hand_over_for_each_step(
        fallbacks in prop::collection::vec(1..KEYS, 0..6),
        keep in 1..6usize,
        overlap in any::<bool>(),
    ) {
        let mut world = World::new();
        world.document.fallbacks = secrets(&fallbacks);
        world.policy = Policy { keep, overlap, ..world.policy };
        world.round(1)?;
        let steps = [
            Event::Prepare(KEYS),
            Event::Promote,
            Event::Pass(14 * DAY + 1),
            Event::Retire,
            Event::Prepare(KEYS + 1),
            Event::Promote,
        ];
        for step in steps {
            let before = world.running.as_ref().unwrap().duplicate();
            world.happen(step)?;
            let plan = world.plan(world.running.as_ref(), &world.carried);
            prop_assert!(plan.steps.len() <= 1, "{:?}", plan);
            prop_assert!(plan.carried.is_empty(), "{:?}", plan);
            world.round(1)?;
            let after = world.running.as_ref().unwrap();
            prop_assert!(before.verifies(&after.current) && after.verifies(&before.current));
        }
        prop_assert_eq!(&world.document.current, &secret(KEYS + 1));
    }

    /// `rotate --due`, run again and again, does each step at its time and then rests.
    #[test]
    fn what_is_due_can_be_done_and_is_due_no_more(
        events in prop::collection::vec(event(), 0..20),
        wait in 0..100 * DAY,
    ) {
        let mut world = World::new();
        for event in events {
            world.happen(event)?;
        }
        world.policy.now = world.policy.now + Duration::from_secs(wait);
        let Policy { keep, now, .. } = world.policy;
        let mut key = KEYS;
        for _ in 0..4 {
            let document = &world.document;
            world.document = match due(document, EVERY, keep, now) {
                Due::Promote { .. } => steps::promote(document, keep, GRACE, now).unwrap(),
                Due::Retire { .. } => steps::retire(document, keep, now).0,
                Due::Prepare { .. } => {
                    key += 1;
                    steps::prepare(document, secret(key), now, Some(now)).unwrap()
                }
                Due::Waiting { until, .. } => {
                    prop_assert!(until.is_none_or(|until| until > now));
                    return Ok(());
                }
                Due::Nothing { at, .. } => {
                    prop_assert!(at > now);
                    return Ok(());
                }
            };
        }
        let rests = matches!(due(&world.document, EVERY, keep, now), Due::Nothing { .. });
        prop_assert!(rests);
    }
}
