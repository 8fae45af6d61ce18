use std::time::Duration;

use super::*;
use crate::moment::Moment;
use crate::secrets::Secret;

const DAY: u64 = 86_400;
const NOW: Moment = Moment::from_unix(1_000 * DAY);
const POLICY: Policy =
    Policy { keep: 5, grace: Duration::from_secs(14 * DAY), now: NOW, overlap: true };

fn secret(name: &str) -> Secret {
    Secret::new(name.to_owned())
}

fn secrets(names: &str) -> Vec<Secret> {
    names.split_whitespace().map(secret).collect()
}

/// `old: new older` is an environment in which old signs, and new and older verify.
fn keys(text: &str) -> Keys {
    let (current, fallbacks) = text.split_once(':').unwrap();
    Keys { current: secret(current), fallbacks: secrets(fallbacks) }
}

fn document(text: &str) -> Document {
    let Keys { current, fallbacks } = keys(text);
    Document { current, fallbacks, next: None, record: Record::default() }
}

fn staged(text: &str, next: &str) -> Document {
    Document { next: Some(secret(next)), ..document(text) }
}

fn carried(name: &str, until: Moment) -> Carried {
    Carried { key: secret(name), until }
}

fn dated(name: &str, at: Moment) -> Dated {
    Dated { key: secret(name).fingerprint(), at }
}

fn shown(keys: &Keys) -> String {
    let fallbacks: Vec<&str> = keys.fallbacks.iter().map(Secret::expose).collect();
    format!("{}:{}", keys.current.expose(), fallbacks.join(" "))
}

fn steps(running: &str, wanted: &Document, carried: &[Carried], policy: Policy) -> Vec<String> {
    plan(Some(&keys(running)), wanted, carried, policy).steps.iter().map(shown).collect()
}

#[test]
fn a_start_takes_one_step_and_the_variable_is_never_empty() {
    let plan = plan(None, &document("a:"), &[], POLICY);
    assert_eq!(plan, Plan { steps: vec![keys("a:")], carried: vec![] });
    assert_eq!(plan.steps[0].verifying(), [&secret("a")]);
    assert_eq!(keys("a:b c").verifying(), [&secret("b"), &secret("c")]);
}

#[test]
fn what_is_as_it_is_wanted_stays() {
    assert!(steps("a:b c", &document("a:b c"), &[], POLICY).is_empty());
    assert!(steps("a:b c", &document("a:c b"), &[], POLICY).is_empty());
    assert!(steps("a:a", &document("a:"), &[], POLICY).is_empty());
    assert!(steps("a:", &document("a:a"), &[], POLICY).is_empty());
}

#[test]
fn a_key_that_nobody_knows_is_learned_before_it_signs() {
    let plan = plan(Some(&keys("old:older")), &document("new:older"), &[], POLICY);
    assert_eq!(plan.steps, [keys("old:new older"), keys("new:old older")]);
    // It signed here, and the document does not have it.
    assert_eq!(plan.carried, [carried("old", NOW + POLICY.grace)]);
}

#[test]
fn a_key_that_is_known_signs_at_once() {
    assert_eq!(steps("old:new", &document("new:old"), &[], POLICY), ["new:old"]);
    // And where the first of two steps was the last that succeeded, the second follows.
    assert_eq!(steps("old:new older", &document("new:older"), &[], POLICY), ["new:old older"]);
}

#[test]
fn nothing_is_learned_where_nothing_overlaps() {
    let policy = Policy { overlap: false, ..POLICY };
    assert_eq!(steps("old:", &document("new:"), &[], policy), ["new:old"]);
}

#[test]
fn a_rotation_takes_one_step_for_each_of_its_own() {
    assert_eq!(steps("a:z", &staged("a:z", "b"), &[], POLICY), ["a:b z"]);
    assert_eq!(steps("a:b z", &document("b:a z"), &[], POLICY), ["b:a z"]);
    assert_eq!(steps("b:a z", &document("b:a"), &[], POLICY), ["b:a"]);
}

#[test]
fn what_the_document_holds_is_not_carried() {
    let plan = plan(Some(&keys("a:b")), &document("b:a"), &[], POLICY);
    assert_eq!(plan.carried, []);
}

#[test]
fn a_revoked_key_signs_no_longer_at_once() {
    let mut wanted = staged("new:leaked older", "leaked-too");
    wanted.record.revoked =
        vec![secret("leaked").fingerprint(), secret("leaked-too").fingerprint()];
    assert_eq!(steps("leaked:older", &wanted, &[], POLICY), ["new:older"]);
    assert_eq!(steps("new:leaked", &wanted, &[carried("leaked", NOW)], POLICY), ["new:older"]);
}

#[test]
fn a_carried_key_stays_until_its_time() {
    let at = |until| [carried("old", until)];
    let wanted = document("new:older");
    assert!(steps("new:old older", &wanted, &at(NOW), POLICY).is_empty());
    let later = Policy { now: NOW + Duration::from_secs(1), ..POLICY };
    assert_eq!(steps("new:old older", &wanted, &at(NOW), later), ["new:older"]);
}

#[test]
fn a_fallback_stays_until_its_time() {
    let mut wanted = document("new:old older");
    wanted.record.fallbacks = vec![dated("old", NOW)];
    assert!(steps("new:old older", &wanted, &[], POLICY).is_empty());
    let later = Policy { now: NOW + Duration::from_secs(1), ..POLICY };
    assert_eq!(steps("new:old older", &wanted, &[], later), ["new:older"]);
}

/// This host slept through the promotion: the key still signs here, so its users are still there.
#[test]
fn the_key_in_use_has_no_time_yet_whatever_the_document_says() {
    let mut wanted = document("new:old");
    wanted.record.fallbacks = vec![dated("old", Moment::from_unix(0))];
    let plan = plan(Some(&keys("old:new")), &wanted, &[], POLICY);
    assert_eq!(plan.steps, [keys("new:old")]);
    assert_eq!(plan.carried, [carried("old", NOW + POLICY.grace)]);
    assert!(steps("new:old", &wanted, &plan.carried, POLICY).is_empty());
}

/// The document counts from the promotion, the users of this host from its own last signature.
#[test]
fn a_host_that_is_late_carries_the_key_for_longer_than_the_document_keeps_it() {
    let hour = Duration::from_secs(3_600);
    let mut wanted = document("new:old");
    let mut carried_after = |promoted: Moment| {
        wanted.record.fallbacks = vec![dated("old", promoted + POLICY.grace)];
        plan(Some(&keys("old:new")), &wanted, &[], POLICY).carried
    };
    assert_eq!(carried_after(NOW - hour), []);
    let late = carried_after(NOW - hour - Duration::from_secs(1));
    assert_eq!(late, [carried("old", NOW + POLICY.grace)]);
    // The document's time is over, this host's is not.
    let later = Policy { now: NOW + POLICY.grace, ..POLICY };
    assert!(steps("new:old", &wanted, &late, later).is_empty());
}

#[test]
fn with_too_many_the_key_in_use_stays_then_the_staged_one_then_the_rest_in_order() {
    let wanted = staged("new:a b c", "next");
    let earlier = [carried("earlier", NOW)];
    let at_most = |keep| steps("old:new", &wanted, &earlier, Policy { keep, ..POLICY });
    assert_eq!(at_most(9), ["new:old next earlier a b c"]);
    assert_eq!(at_most(4), ["new:old next earlier a"]);
    assert_eq!(at_most(2), ["new:old next"]);
}

/// The staged key would log everybody out if it came to sign unknown, so it gets the only place in
/// the end; but not while the old generation still signs.
#[test]
fn with_one_place_the_key_in_use_has_it_first_and_the_staged_one_in_the_end() {
    let policy = Policy { keep: 1, ..POLICY };
    let wanted = staged("new:old", "next");
    assert_eq!(steps("old:", &wanted, &[], policy), ["old:new", "new:old", "new:next"]);
    assert_eq!(steps("old:next", &document("next:old"), &[], policy), ["next:old"]);
}

#[test]
fn a_staged_key_that_signs_already_is_not_staged() {
    assert!(steps("a:b", &staged("a:b", "a"), &[], POLICY).is_empty());
}

/// Somebody put an older key back by hand, and the one that signed meanwhile is too far down the list.
#[test]
fn a_key_that_the_document_gives_no_place_is_carried_although_it_has_it() {
    let policy = Policy { keep: 2, ..POLICY };
    let wanted = document("a:z y b");
    let plan = plan(Some(&keys("b:a")), &wanted, &[], policy);
    assert_eq!(plan.steps, [keys("a:b z")]);
    assert_eq!(plan.carried, [carried("b", NOW + policy.grace)]);
    assert!(steps("a:b z", &wanted, &plan.carried, policy).is_empty());
}

#[test]
fn a_staged_key_that_signed_here_outlives_its_abort() {
    let first = plan(Some(&keys("b:a")), &staged("a:", "b"), &[], POLICY);
    assert_eq!(first.steps, [keys("a:b")]);
    assert!(steps("a:b", &document("a:"), &first.carried, POLICY).is_empty());
}
