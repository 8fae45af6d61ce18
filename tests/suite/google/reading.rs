use keybearer::helper::Kind;
use serde_json::json;

use super::{Google, fetch, look, shown};
use crate::harness::{Bench, once};

#[test]
fn a_document_is_its_fields() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"A":"1"}"#);
    google.seed(r#"{"A":"ü \"2\"","N":1.50,"Z":null}"#);
    let got = fetch(google.plain()).unwrap();
    assert_eq!(shown(&got.entries), [("A", "ü \"2\""), ("N", "1.50")]);
    assert_eq!(got.version.as_deref(), Some("2"));
    assert_eq!(
        got.identity.as_deref(),
        Some(&*format!("google-secret:{}:projects/123456789/secrets/site", google.0.address())),
        "whether the project is asked by its id or its number"
    );
    assert_eq!(got.warnings, ["Google secret 'example/site': 'Z' is null and left out"]);
    assert_eq!(look(google.plain()).unwrap().as_deref(), Some("2"));
    assert!(got.history.is_empty() && got.state.is_none());
}

#[test]
fn one_field_one_value_one_version() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed("plain\n");
    google.seed(r#"{"app":{"B":"b"}}"#);
    let whole = google.source(|secret| {
        secret.version = Some(1);
        secret.variable = Some("X".parse().unwrap());
    });
    let got = fetch(whole).unwrap();
    assert_eq!((shown(&got.entries), got.version.as_deref()), (vec![("X", "plain\n")], Some("1")));
    let inner = google.source(|secret| secret.key = Some("app".to_owned()));
    let got = fetch(inner).unwrap();
    assert_eq!(shown(&got.entries), [("B", "b")]);
    assert!(got.identity.unwrap().ends_with(":projects/123456789/secrets/site#app"));
    google.0.requests();
    let fixed = google.source(|secret| secret.version = Some(1));
    assert_eq!(look(fixed).unwrap().as_deref(), Some("1"));
    assert!(google.0.requests().is_empty(), "that one does not change");
}

/// `latest` may lag behind what was just written.
#[test]
fn what_was_just_written_is_found() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    for number in 1..=4 {
        google.seed(&json!({ "A": number.to_string() }).to_string());
    }
    google.0.switch("lag", &json!(2));
    let got = fetch(google.plain()).unwrap();
    assert_eq!((shown(&got.entries), got.version.as_deref()), (vec![("A", "4")], Some("4")));
    assert_eq!(look(google.plain()).unwrap().as_deref(), Some("4"));
}

/// Page by page; what is disabled or destroyed is passed over, and so is what is no document.
#[test]
fn the_history_is_paged() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    for number in 1..=15 {
        google.seed(&json!({ "K": format!("k{number}"), "O": "o" }).to_string());
    }
    google.seed("no document");
    google.seed(r#"{"K":"k17"}"#);
    for (number, state) in [(15, "DISABLED"), (13, "DESTROYED")] {
        google.0.switch("state", &json!({ "name": "site", "number": number, "state": state }));
    }
    let mut source = google.plain();
    source.history = vec!["K".to_owned()];
    google.0.requests();
    let got = fetch(source).unwrap();
    let values: Vec<&str> = got.history.iter().map(|(_, value)| value.expose()).collect();
    assert_eq!(values, ["k14", "k12", "k11", "k10", "k9", "k8", "k7", "k6", "k5"]);
    let pages = google.0.requests().iter().filter(|one| one.contains("/versions?")).count();
    assert_eq!(pages, 6, "no more than are needed");

    google.0.switch("endless", &json!(true));
    for number in 1..=14 {
        google.0.switch("state", &json!({ "name": "site", "number": number, "state": "DISABLED" }));
    }
    let mut source = google.plain();
    source.history = vec!["K".to_owned()];
    let line = "Google secret 'example/site': the list of its versions has no end";
    google.fails(fetch(source), Kind::Wrong, line);
    google.0.switch("endless", &json!(false));

    google.0.switch("deny", &json!(["versions.list"]));
    let mut source = google.plain();
    source.history = vec!["K".to_owned()];
    let got = fetch(source).unwrap();
    assert!(got.history.is_empty());
    let line = "Google secret 'example/site': its earlier versions are left out: access denied; allow secretmanager.versions.list";
    assert_eq!(got.warnings, [line]);
}

#[test]
fn what_is_not_there_or_closed_says_so() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    let of = "Google secret 'example/site'";
    let gone = "it is not there, or has no version (HTTP 404); check 'project' and 'secret'";
    google.fails(fetch(google.plain()), Kind::Wrong, &format!("{of}: {gone}"));
    google.seed(r#"{"A":"1"}"#);
    google.seed(r#"{"A":"2"}"#);
    let third = || google.source(|secret| secret.version = Some(3));
    let line = format!("{of}: it has no version 3 (HTTP 404); check 'version'");
    google.fails(fetch(third()), Kind::Wrong, &line);
    for (state, how) in [("DISABLED", "disabled"), ("DESTROYED", "destroyed")] {
        google.0.switch("state", &json!({ "name": "site", "number": 2, "state": state }));
        let line = format!("{of}: version 2 is {how}; enable it, or add a new version");
        google.fails(fetch(google.plain()), Kind::Wrong, &line);
        google.0.switch("deny", &json!(["versions.get"]));
        let line = format!("{of}: its newest version is {how}; enable it, or add a new version");
        google.fails(fetch(google.plain()), Kind::Wrong, &line);
        google.0.switch("deny", &json!([]));
    }
    google.0.switch("seed-bytes", &json!({ "name": "site", "bytes": [0xff, 0xfe] }));
    let line = format!("{of}: its bytes are no text; store them as base64");
    google.fails(fetch(google.plain()), Kind::Wrong, &line);
}

#[test]
fn without_the_right_to_look_it_is_not_told() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"A":"1"}"#);
    google.0.switch("deny", &json!(["versions.get"]));
    assert_eq!(look(google.plain()).unwrap(), None);
    assert_eq!(shown(&fetch(google.plain()).unwrap().entries), [("A", "1")]);
}
