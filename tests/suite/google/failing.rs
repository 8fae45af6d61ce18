//! A store that cannot be asked, and what is said then.

use std::time::Instant;

use keybearer::helper::{Credential, Kind};
use serde_json::{Value, json};

use super::{Google, SOON, fetch, fetch_with, shown};
use crate::harness::{Bench, free_port, once, with};

const OF: &str = "Google secret 'example/site'";

#[test]
fn it_is_asked_again_while_that_may_help() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"A":"1"}"#);
    for on in ["latest:access", "/token"] {
        for fault in [json!(429), json!(500), json!(503), json!("truncate")] {
            google.0.fault(on, fault.clone(), &json!({ "times": 2 }));
            let got = fetch(google.plain()).unwrap();
            assert_eq!(shown(&got.entries), [("A", "1")], "{on} {fault}");
        }
    }
}

#[test]
fn what_will_not_change_fails_at_once() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"A":"1"}"#);
    let off = json!({ "error": { "code": 403, "message": "canary", "status": "PERMISSION_DENIED",
        "details": [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED" }] } });
    let plain = json!("<html>canary");
    for (fault, body, kind, said) in [
        (
            401,
            &plain,
            Kind::Refused,
            "{at} does not take the access token (HTTP 401); check the credentials and this machine's clock",
        ),
        (
            403,
            &plain,
            Kind::Refused,
            "access denied (HTTP 403); allow secretmanager.versions.access on it to this account",
        ),
        (
            403,
            &off,
            Kind::Refused,
            "Secret Manager is not enabled in the project (HTTP 403); run: gcloud services enable secretmanager.googleapis.com",
        ),
        (
            400,
            &plain,
            Kind::Wrong,
            "{at} does not take the request (HTTP 400); check 'project' and 'secret'",
        ),
        (
            302,
            &plain,
            Kind::Wrong,
            "{at} sends elsewhere (HTTP 302), which is not followed; check the address",
        ),
        (200, &plain, Kind::Wrong, "{at} does not answer as Google does; check the address"),
    ] {
        let more = json!({ "body": body.to_string(), "headers": { "Location": "https://canary.invalid/" } });
        google.0.fault(":access", fault, &more);
        google.0.requests();
        google.fails(fetch(google.plain()), kind, &format!("{OF}: {said}"));
        assert_eq!(google.0.requests().len(), 2, "the token and the version");
    }
}

#[test]
fn what_does_not_end_is_named() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"A":"1"}"#);
    let cases: [(Value, &str); 5] = [
        (json!(429), "{at} has too many requests (HTTP 429); try again later"),
        (json!(503), "{at} fails (HTTP 503)"),
        (json!("silence"), "no answer from {at} in time"),
        (json!("drip"), "no answer from {at} in time"),
        (json!("truncate"), "{at} broke off its answer"),
    ];
    for (fault, said) in cases {
        google.0.fault(":access", fault, &json!({ "body": "{\"canary" }));
        let start = Instant::now();
        let result = fetch_with(google.plain(), SOON, &[]);
        google.fails(result, Kind::Unreachable, &format!("{OF}: {said}"));
        assert!(start.elapsed() < SOON * 3, "{:?}", start.elapsed());
    }
    google.0.fault(":access", "flood", &json!({}));
    let line = format!("{OF}: {{at}} answers with more than 1 MiB");
    google.fails(fetch(google.plain()), Kind::Wrong, &line);
}

#[test]
fn what_arrives_damaged_is_not_used() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"A":"1"}"#);
    google.0.switch("damage", &json!(true));
    let line = format!("{OF}: what arrived is damaged: its checksum is another");
    google.fails(fetch_with(google.plain(), SOON, &[]), Kind::Unreachable, &line);
}

#[test]
fn tls_is_judged() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    let other = google.0.other_ca();
    let line = format!(
        "{OF}: the certificate of {{at}} is signed by no known CA; set ca-file to the certificate of its CA"
    );
    google.fails(
        fetch(with(google.plain(), Credential::CaCertificates, &other)),
        Kind::Wrong,
        &line,
    );
    assert!(google.0.requests().is_empty());
    let line = format!("{OF}: its ca-file holds no certificate in PEM form");
    let source = with(google.plain(), Credential::CaCertificates, "canary");
    google.fails(fetch(source), Kind::Wrong, &line);
    let address = format!("https://127.0.0.1:{}", free_port());
    let nobody = google.source(|secret| secret.endpoint = Some(address.clone()));
    let line = format!("{OF}: cannot connect to {address}: connection refused");
    google.fails(fetch_with(nobody, SOON, &[]), Kind::Unreachable, &line);
}
