//! Nothing that was asked with and nothing that came back shows in a message.

use keybearer::helper::Credential;
use serde_json::json;

use super::{Google, SOON, fetch_with, write};
use crate::harness::{Bench, once, with};

const CANARY: &str = "canary-7f3a";

#[test]
fn no_body_shows_whatever_the_status() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(&json!({ "KEY": CANARY }).to_string());
    let bodies = [
        json!({ "error": { "code": 400, "message": CANARY, "status": CANARY } }).to_string(),
        json!({ "error": CANARY, "error_description": CANARY }).to_string(),
        json!({ "name": CANARY, "payload": { "data": CANARY, "dataCrc32c": CANARY } }).to_string(),
        json!({ "access_token": format!("{CANARY}\n") }).to_string(),
        format!("{{\"payload\": \"{CANARY}"),
        format!("<html>{CANARY}"),
    ];
    for on in ["/token", ":access"] {
        for status in [200, 302, 400, 401, 403, 404, 418] {
            for body in &bodies {
                let more = json!({ "body": body, "headers": { "Location": format!("/{CANARY}") } });
                google.0.fault(on, status, &more);
                let failure = fetch_with(google.plain(), SOON, &[]).expect_err("it must fail");
                let said = failure.message;
                assert!(said.starts_with("Google secret 'example/site': "), "{said}");
                assert!(!said.contains(CANARY), "{said}");
            }
        }
    }
    for on in ["secrets/site", "updateMask", ":addVersion"] {
        google.0.fault(on, 400, &json!({ "body": bodies[0] }));
        let failure = write(google.plain(), "1", &[("KEY", Some("new-canary-7f3a"))])
            .expect_err("it must fail");
        assert!(!failure.message.contains(CANARY), "{}", failure.message);
    }
}

#[test]
fn no_credential_shows() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    for account in ["service_account", "authorized_user", "external_file", "external_url"] {
        let whole = google.0.said(account);
        for key in whole.as_object().unwrap().keys().filter(|key| *key != "type") {
            let mut changed = whole.clone();
            changed[key] = json!(CANARY);
            let source = with(google.plain(), Credential::CredentialsFile, &changed.to_string());
            let source = with(source, Credential::SubjectToken, &format!("{CANARY}\u{1}"));
            if let Err(failure) = fetch_with(source, SOON, &[]) {
                assert!(!failure.message.contains(CANARY), "{account} {key}: {}", failure.message);
            }
        }
    }
}
