//! Writing back: by a new version, and only after the one that was read.

use keybearer::helper::Kind;
use serde_json::{Value, json};

use super::{Azure, shown};
use crate::harness::{Bench, once};

const CONFLICT: &str = "somebody else has written it meanwhile; nothing was changed";

#[test]
fn changes_are_written_and_the_rest_stays_as_it_is() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    let more = json!({ "content_type": "application/json", "tags": { "team": "web" },
        "attributes": { "exp": 99_999_999_999_u64 } });
    let first = azure.seed_with(r#"{ "KEY": "old", "GONE": "x", "N": 1.50 }"#, &more);
    let changes = [("KEY", Some("new \"é\"")), ("GONE", None), ("MORE", Some("1"))];
    let written = azure.write(azure.plain(), &first, &changes).unwrap();
    let newest = &azure.versions()[1];
    assert!(newest["id"].as_str().unwrap().ends_with(&written.version) && written.state.is_none());
    assert_eq!(newest["value"], r#"{ "KEY": "new \"é\"", "N": 1.50, "MORE": "1" }"#);
    assert_eq!(newest["contentType"], "application/json");
    assert_eq!(newest["tags"], json!({ "team": "web" }), "the claim is not of the new version");
    assert_eq!(newest["attributes"]["exp"], 99_999_999_999_u64);
    let next = azure.write(azure.plain(), &written.version, &[("N", None)]).unwrap().version;
    // And nothing is added for nothing.
    let same = azure.write(azure.plain(), &next, &[("MORE", Some("1"))]).unwrap().version;
    assert_eq!((same, azure.versions().len()), (next, 3));
    assert_eq!(azure.versions()[2]["tags"], json!({ "team": "web" }));
}

#[test]
fn a_document_that_somebody_else_has_written_is_left_alone() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    let first = azure.seed(r#"{"KEY":"1"}"#);
    azure.seed(r#"{"KEY":"2"}"#);
    let result = azure.write(azure.plain(), &first, &[("KEY", Some("x"))]);
    azure.fails(result, Kind::Conflict, CONFLICT);
    assert_eq!(azure.versions().len(), 2);
}

#[test]
fn of_many_writers_of_one_version_one_wins() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    let first = azure.seed(r#"{"KEY":"1"}"#);
    let results: Vec<_> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|number| {
                let (azure, first) = (&azure, &first);
                let value = format!("writer-{number}");
                scope.spawn(move || {
                    (azure.write(azure.plain(), first, &[("KEY", Some(&value))]), value)
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let mut won = Vec::new();
    for (result, value) in results {
        match result {
            Ok(_) => won.push(value),
            Err(failure) => {
                let line = format!("{}: {CONFLICT}", azure.of());
                assert_eq!((failure.kind, failure.message), (Kind::Conflict, line));
            }
        }
    }
    assert_eq!(won.len(), 1);
    let versions = azure.versions();
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[1]["value"], json!({ "KEY": won[0] }).to_string());
}

/// Somebody at a console takes no claim: his version is on top again, and the writer is told.
#[test]
fn a_race_lost_to_somebody_else_is_undone() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    let first = azure.seed(r#"{"KEY":"1"}"#);
    azure.0.switch("race", &json!([{ "before": r#"{"KEY":"theirs"}"# }]));
    let result = azure.write(azure.plain(), &first, &[("KEY", Some("ours"))]);
    azure.fails(result, Kind::Conflict, CONFLICT);
    let got = azure.fetch(azure.plain()).unwrap();
    assert_eq!(shown(&got.entries), [("KEY", "theirs")]);
    let versions = azure.versions();
    assert_eq!(versions.len(), 4);
    assert_eq!(versions[2]["value"], r#"{"KEY":"ours"}"#);
    assert_eq!(
        versions[2]["attributes"]["enabled"], false,
        "what was made of an old version is no history"
    );
}

/// What is on top of ours may have been made from it: both stay as they are.
#[test]
fn a_version_on_top_of_ours_stays_there() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    let first = azure.seed(r#"{"KEY":"1"}"#);
    azure.0.switch("race", &json!([{ "after": r#"{"KEY":"after"}"# }]));
    let result = azure.write(azure.plain(), &first, &[("KEY", Some("ours"))]);
    let versions = azure.versions();
    let id = |at: usize| versions[at]["id"].as_str().unwrap().rsplit('/').next().unwrap();
    let line = format!(
        "somebody else wrote version {} at the same moment as version {} was written here; look at both, and write what is right",
        id(2),
        id(1)
    );
    azure.fails(result, Kind::Conflict, &line);
    assert_eq!(versions.len(), 3);
    assert!(versions.iter().all(|version| version["attributes"]["enabled"] == true));
}

/// Several operations at once on one secret, or one that is being deleted: both are a 409.
#[test]
fn a_conflict_is_told_from_a_deleted_secret() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    let first = azure.seed(r#"{"KEY":"1"}"#);
    let said = |inner: &str| {
        json!({ "error": { "code": "Conflict", "message": "canary", "innererror": { "code": inner } } })
            .to_string()
    };
    for (inner, kind, line) in [
        ("canary", Kind::Conflict, CONFLICT),
        (
            "ObjectIsDeletedButRecoverable",
            Kind::Wrong,
            "it is being deleted (HTTP 409); recover it first",
        ),
        ("ObjectIsBeingDeleted", Kind::Wrong, "it is being deleted (HTTP 409); recover it first"),
    ] {
        azure.0.fault("secrets/site", 409, &json!({ "method": "PUT", "body": said(inner) }));
        let result = azure.write(azure.plain(), &first, &[("KEY", Some("x"))]);
        azure.fails(result, kind, line);
    }
    assert_eq!(azure.versions().len(), 1);
}

/// A claim of somebody who has died in the middle ends by itself; one that came to nothing goes.
#[test]
fn a_claim_bars_for_its_time() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    let first = azure.seed(r#"{"KEY":"1"}"#);
    let held = |claim: &str| {
        azure.0.switch("tag", &json!({ "name": "site", "tags": { "keybearer-writes": claim } }));
    };
    held("99999999999 x");
    let result = azure.write(azure.plain(), &first, &[("KEY", Some("x"))]);
    azure.fails(result, Kind::Conflict, CONFLICT);
    held("1 x");
    let plain = azure.source(|secret| secret.key = Some("canary".to_owned()));
    let line = "it has no field 'canary'; mend 'key'";
    azure.fails(azure.write(plain, &first, &[("KEY", Some("x"))]), Kind::Wrong, line);
    assert_eq!(azure.versions()[0]["tags"], json!({}), "the way is free again");
    assert!(azure.write(azure.plain(), &first, &[("KEY", Some("x"))]).is_ok());
}

/// Whoever is slower than the time that claims are given cannot know whether his is the only one.
#[test]
fn a_vault_that_is_slow_is_not_written() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    let first = azure.seed(r#"{"KEY":"1"}"#);
    azure.0.switch("slow", &json!(1.2));
    let result = azure.write(azure.plain(), &first, &[("KEY", Some("x"))]);
    let line = "the vault answers too slowly to be written safely; try again later";
    azure.fails(result, Kind::Unreachable, line);
    assert_eq!((azure.versions().len(), &azure.versions()[0]["tags"]), (1, &json!({})));
}

/// The answer got lost, and it is there already.
#[test]
fn a_write_whose_answer_was_lost_is_not_made_twice() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    let first = azure.seed(r#"{"KEY":"1"}"#);
    let lost = json!({ "times": 1, "after": true, "method": "PUT" });
    azure.0.fault("secrets/site", 502, &lost);
    let second = azure.write(azure.plain(), &first, &[("KEY", Some("2"))]).unwrap().version;
    azure.0.fault("secrets/site", 503, &json!({ "times": 1, "method": "PUT" }));
    let third = azure.write(azure.plain(), &second, &[("KEY", Some("3"))]).unwrap().version;
    assert_eq!(azure.versions().len(), 3);
    // With somebody else's on top it cannot be told.
    azure.0.fault("secrets/site", 502, &lost);
    azure.0.switch("race", &json!([{ "after": r#"{"KEY":"after"}"# }]));
    let result = azure.write(azure.plain(), &third, &[("KEY", Some("x"))]);
    let line = "somebody else has written it meanwhile, and it is not known whether this write was made; look at its newest versions";
    azure.fails(result, Kind::Conflict, line);
}

#[test]
fn what_cannot_be_written_is_refused_with_the_mend() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    let first = azure.seed(r#"{"KEY":"1"}"#);
    let fixed = azure.source(|secret| secret.version = Some(first.clone()));
    let line = "it cannot be written while 'version' fixes what is read; take it out of the config";
    azure.fails(azure.write(fixed, &first, &[("KEY", Some("x"))]), Kind::Wrong, line);
    for (what, line) in [
        ("set", "access denied (HTTP 403); allow to set secrets to this client"),
        (
            "list",
            "access denied (HTTP 403); allow to list secrets to this client: without that a lost race would go unseen",
        ),
    ] {
        azure.0.switch("deny", &json!({ what: "ForbiddenByRbac" }));
        let result = azure.write(azure.plain(), &first, &[("KEY", Some("x"))]);
        azure.fails(result, Kind::Refused, line);
    }
    azure.0.switch("deny", &Value::Object(Default::default()));
    assert!(azure.write(azure.plain(), &first, &[("KEY", Some("x"))]).is_ok());
}
