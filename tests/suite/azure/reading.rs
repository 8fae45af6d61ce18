use keybearer::helper::Kind;
use serde_json::json;

use super::{Azure, shown};
use crate::harness::{Bench, once};

#[test]
fn a_document_is_its_fields() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    let first = azure.seed("plain\n");
    let second = azure.seed(r#"{"A":"ü \"2\"","N":1.50,"Z":null,"app":{"B":"b"}}"#);
    let got = azure.fetch(azure.plain()).unwrap();
    let expected = [("A", "ü \"2\""), ("N", "1.50"), ("app", r#"{"B":"b"}"#)];
    assert_eq!(shown(&got.entries), expected);
    assert_eq!((got.version.as_ref(), got.identity), (Some(&second), None));
    assert_eq!(got.warnings, [format!("{}: 'Z' is null and left out", azure.of())]);
    assert_eq!(azure.look(azure.plain()).unwrap(), Some(second));

    let whole = || {
        azure.source(|secret| {
            secret.version = Some(first.clone());
            secret.variable = Some("X".parse().unwrap());
        })
    };
    let got = azure.fetch(whole()).unwrap();
    assert_eq!((shown(&got.entries), got.version.as_ref()), (vec![("X", "plain\n")], Some(&first)));
    azure.0.requests();
    assert_eq!(azure.look(whole()).unwrap(), Some(first));
    assert!(azure.0.requests().is_empty(), "that one does not change");
    let inner = azure.source(|secret| secret.key = Some("app".to_owned()));
    let got = azure.fetch(inner).unwrap();
    assert_eq!(shown(&got.entries), [("B", "b")]);
    assert!(got.identity.unwrap().ends_with("/site#app"));
}

/// Page by page and in no order; what is disabled is passed over, and so is what is no document.
#[test]
fn the_history_is_paged() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    let at = |second: u64| json!({ "attributes": { "created": second } });
    for number in 1..=13 {
        azure.seed_with(&json!({ "K": format!("k{number}") }).to_string(), &at(number));
    }
    let off = json!({ "attributes": { "created": 20, "enabled": false } });
    azure.seed_with(r#"{"K":"disabled"}"#, &off);
    azure.seed_with("no document", &at(21));
    azure.seed(r#"{"K":"now"}"#);
    let source = || {
        let mut source = azure.plain();
        source.history = vec!["K".to_owned()];
        source
    };
    azure.0.requests();
    let got = azure.fetch(source()).unwrap();
    let values: Vec<&str> = got.history.iter().map(|(_, value)| value.expose()).collect();
    assert_eq!(values, ["k13", "k12", "k11", "k10", "k9", "k8", "k7", "k6", "k5"]);
    let pages = azure.0.requests().iter().filter(|one| one.contains("/versions?")).count();
    assert_eq!(pages, 8);

    azure.0.switch("next-link", &json!("https://canary.invalid/secrets/site/versions"));
    let line = "{at} sends elsewhere for the next page, which is not followed";
    azure.fails(azure.fetch(source()), Kind::Wrong, line);
    azure.0.switch("next-link", &json!(null));
    azure.0.switch("deny", &json!({ "list": "ForbiddenByRbac" }));
    let got = azure.fetch(source()).unwrap();
    assert!(got.history.is_empty());
    let line = "its earlier versions are left out: access denied; allow to list secrets";
    assert_eq!(got.warnings, [format!("{}: {line}", azure.of())]);
}

#[test]
fn what_is_not_there_or_disabled_says_so() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    let gone = "it is not there (HTTP 404); check 'vault' and 'secret'";
    azure.fails(azure.fetch(azure.plain()), Kind::Wrong, gone);
    azure.seed(r#"{"A":"1"}"#);
    let other = azure.source(|secret| secret.version = Some("0".repeat(32)));
    let line = "it has no such version (HTTP 404); check 'version'";
    azure.fails(azure.fetch(other), Kind::Wrong, line);
    let disabled = json!({ "name": "site", "attributes": { "enabled": false } });
    azure.0.switch("attributes", &disabled);
    let line = "it is disabled; enable it, or write a new version";
    azure.fails(azure.fetch(azure.plain()), Kind::Wrong, line);
}

/// Azure gives it out all the same, and a site that runs with it goes on.
#[test]
fn one_that_has_expired_is_used_and_told() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    for (attributes, line) in [
        (
            json!({ "exp": 1_000_000_000 }),
            Some("it has expired (its exp attribute); write a new version, or move the date"),
        ),
        (
            json!({ "nbf": 99_999_999_999_u64 }),
            Some("it is not to be used yet (its nbf attribute); move the date"),
        ),
        (json!({ "nbf": 1_000_000_000, "exp": 99_999_999_999_u64 }), None),
    ] {
        azure.seed_with(r#"{"A":"1"}"#, &json!({ "attributes": attributes }));
        let got = azure.fetch(azure.plain()).unwrap();
        assert_eq!(shown(&got.entries), [("A", "1")]);
        let lines: Vec<String> =
            line.iter().map(|line| format!("{}: {line}", azure.of())).collect();
        assert_eq!(got.warnings, lines);
    }
}
