//! Writing back: by a new version, and only after the one that was read.

use keybearer::helper::Kind;
use serde_json::{Value, json};

use super::{Google, fetch, shown, write};
use crate::harness::{Bench, once};

const CONFLICT: &str =
    "Google secret 'example/site': somebody else has written it meanwhile; nothing was changed";

/// Of each version that is enabled.
fn texts(google: &Google) -> Vec<String> {
    let versions = google.versions();
    let enabled = versions.as_array().unwrap().iter().filter(|one| one[1] == "ENABLED");
    enabled.map(|one| one[0].as_str().unwrap().to_owned()).collect()
}

#[test]
fn changes_are_written_and_the_rest_stays_as_it_is() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{ "KEY": "old", "GONE": "x", "N": 1.50 }"#);
    google.0.switch("annotate", &json!({ "name": "site", "annotations": { "team": "web" } }));
    let changes = [("KEY", Some("new \"é\"")), ("GONE", None), ("MORE", Some("1"))];
    let written = write(google.plain(), "1", &changes).unwrap();
    assert_eq!((written.version.as_str(), written.state), ("2", None));
    assert_eq!(texts(&google)[1], r#"{ "KEY": "new \"é\"", "N": 1.50, "MORE": "1" }"#);
    assert_eq!(google.0.switch("annotations", &json!("site"))["team"], "web");
    // The next one is not kept waiting by the claim of the one before.
    assert_eq!(write(google.plain(), "2", &[("N", None)]).unwrap().version, "3");
    // And nothing is added for nothing.
    assert_eq!(write(google.plain(), "3", &[("KEY", Some("new \"é\""))]).unwrap().version, "3");
    assert_eq!(write(google.plain(), "3", &[("MORE", None)]).unwrap().version, "4");
    assert_eq!(texts(&google).len(), 4);
}

#[test]
fn a_document_that_somebody_else_has_written_is_left_alone() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"KEY":"1"}"#);
    google.seed(r#"{"KEY":"2"}"#);
    for lag in [0, 1] {
        google.0.switch("lag", &json!(lag));
        let result = write(google.plain(), "1", &[("KEY", Some("x"))]);
        google.fails(result, Kind::Conflict, CONFLICT);
    }
    assert_eq!(texts(&google).len(), 2);
    let claim = &google.0.switch("annotations", &json!("site"))["keybearer-writes"];
    assert!(claim.is_null(), "the way is free again: {claim}");
}

#[test]
fn of_many_writers_of_one_version_one_wins() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"KEY":"1"}"#);
    let results: Vec<_> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|number| {
                let source = google.plain();
                let value = format!("writer-{number}");
                scope.spawn(move || (write(source, "1", &[("KEY", Some(&value))]), value))
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let mut won = Vec::new();
    for (result, value) in results {
        match result {
            Ok(written) => {
                assert_eq!(written.version, "2");
                won.push(value);
            }
            Err(failure) => {
                assert_eq!((failure.kind, &*failure.message), (Kind::Conflict, CONFLICT))
            }
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(texts(&google)[1], json!({ "KEY": won[0] }).to_string());
}

/// Somebody at a console takes no claim: his version is on top again, and the writer is told.
#[test]
fn a_race_lost_to_somebody_else_is_undone() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"KEY":"1"}"#);
    google.0.switch("race", &json!([[[r#"{"KEY":"theirs"}"#, "ENABLED"]]]));
    let result = write(google.plain(), "1", &[("KEY", Some("ours"))]);
    google.fails(result, Kind::Conflict, CONFLICT);
    let got = fetch(google.plain()).unwrap();
    assert_eq!((shown(&got.entries), got.version.as_deref()), (vec![("KEY", "theirs")], Some("4")));
    assert_eq!(
        google.versions()[2],
        json!([r#"{"KEY":"ours"}"#, "DISABLED"]),
        "what was made of an old version is no history"
    );
    // Where that cannot be done, somebody has to look.
    google.0.switch("race", &json!([[[r#"{"KEY":"theirs"}"#, "DISABLED"]]]));
    let result = write(google.plain(), "4", &[("KEY", Some("ours"))]);
    let line = "Google secret 'example/site': somebody else added version 5 at the same moment, and version 6 hides it; look at both, and add what is right";
    google.fails(result, Kind::Wrong, line);
}

/// What came after ours may have been made from it, and is not hidden.
#[test]
fn a_version_on_top_of_both_stays_there() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"KEY":"1"}"#);
    let race = json!([[[r#"{"KEY":"before"}"#, "ENABLED"], [r#"{"KEY":"after"}"#, "ENABLED"]]]);
    google.0.switch("race", &race);
    let result = write(google.plain(), "1", &[("KEY", Some("ours"))]);
    let line = "Google secret 'example/site': somebody else wrote version 2 at the same moment as version 3 was written here; look at both, and write what is right";
    google.fails(result, Kind::Conflict, line);
    let all: Vec<String> =
        ["1", "before", "ours", "after"].map(|value| json!({ "KEY": value }).to_string()).into();
    assert_eq!(texts(&google), all);
}

/// A store that fails now is not somebody else.
#[test]
fn what_cannot_be_looked_at_is_not_undone() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"KEY":"1"}"#);
    google.0.switch("race", &json!([[[r#"{"KEY":"before"}"#, "ENABLED"]]]));
    // Looked at before the write, too: that is answered.
    google.0.fault("versions/2:access", 403, &json!({ "skip": 1 }));
    let result = write(google.plain(), "1", &[("KEY", Some("ours"))]);
    let line = "Google secret 'example/site': access denied (HTTP 403); allow secretmanager.versions.access on it to this account; version 3 was added and not checked";
    google.fails(result, Kind::Refused, line);
    assert_eq!(texts(&google).len(), 3);
}

/// A claim of somebody who has died in the middle ends by itself.
#[test]
fn a_claim_bars_for_its_time() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"KEY":"1"}"#);
    let held = |claim: &str| {
        let body = json!({ "name": "site", "annotations": { "keybearer-writes": claim } });
        google.0.switch("annotate", &body);
    };
    held("1 99999999999 x");
    let result = write(google.plain(), "1", &[("KEY", Some("x"))]);
    google.fails(result, Kind::Conflict, CONFLICT);
    assert_eq!(texts(&google).len(), 1);
    held("1 1 x");
    assert_eq!(write(google.plain(), "1", &[("KEY", Some("x"))]).unwrap().version, "2");
}

/// The answer got lost, and it is there already.
#[test]
fn a_write_whose_answer_was_lost_is_not_made_twice() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"KEY":"1"}"#);
    google.0.fault(":addVersion", 502, &json!({ "times": 1, "after": true }));
    assert_eq!(write(google.plain(), "1", &[("KEY", Some("2"))]).unwrap().version, "2");
    google.0.fault(":addVersion", 503, &json!({ "times": 1 }));
    assert_eq!(write(google.plain(), "2", &[("KEY", Some("3"))]).unwrap().version, "3");
    // With somebody else's on top it cannot be told.
    google.0.fault(":addVersion", 502, &json!({ "times": 1, "after": true }));
    let race = json!([[[null, null], [r#"{"KEY":"after"}"#, "ENABLED"]]]);
    google.0.switch("race", &race);
    let result = write(google.plain(), "3", &[("KEY", Some("x"))]);
    let line = "Google secret 'example/site': somebody else has written it meanwhile, and it is not known whether this write was made; look at its newest versions";
    google.fails(result, Kind::Conflict, line);
    // The claim's, too.
    google.0.fault("updateMask", 502, &json!({ "times": 1, "after": true }));
    assert_eq!(write(google.plain(), "5", &[("KEY", Some("4"))]).unwrap().version, "6");
    assert_eq!(texts(&google).len(), 6);
}

#[test]
fn what_cannot_be_written_is_refused_with_the_mend() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"KEY":"1"}"#);
    let fixed = google.source(|secret| secret.version = Some(1));
    let line = "Google secret 'example/site': it cannot be written while 'version = 1' fixes what is read; take it out of the config";
    google.fails(write(fixed, "1", &[("KEY", Some("x"))]), Kind::Wrong, line);
    for permission in ["secrets.get", "secrets.update", "versions.add"] {
        google.0.switch("deny", &json!([permission]));
        let result = write(google.plain(), "1", &[("KEY", Some("x"))]);
        let line = format!(
            "Google secret 'example/site': access denied (HTTP 403); allow secretmanager.{permission} on it to this account"
        );
        google.fails(result, Kind::Refused, &line);
    }
    google.0.switch("deny", &Value::Array(Vec::new()));
    assert_eq!(write(google.plain(), "1", &[("KEY", Some("x"))]).unwrap().version, "2");
}
