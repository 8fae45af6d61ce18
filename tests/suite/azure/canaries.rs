//! Nothing that was asked with and nothing that came back shows in a message.

use keybearer::helper::Credential;
use serde_json::json;

use super::{Azure, SOON};
use crate::harness::{Bench, once, with};

const CANARY: &str = "canary-7f3a";

#[test]
fn no_body_shows_whatever_the_status() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    let first = azure.seed(&json!({ "KEY": CANARY }).to_string());
    let bodies = [
        json!({ "error": { "code": CANARY, "message": CANARY, "innererror": { "code": CANARY } } })
            .to_string(),
        json!({ "error": CANARY, "error_description": CANARY, "error_codes": [CANARY] })
            .to_string(),
        json!({ "id": CANARY, "value": { CANARY: CANARY } }).to_string(),
        json!({ "access_token": format!("{CANARY}\n") }).to_string(),
        format!("{{\"value\": \"{CANARY}"),
        format!("<html>{CANARY}"),
    ];
    for on in ["/token", "secrets/site"] {
        for status in [200, 302, 400, 401, 403, 404, 418] {
            for body in &bodies {
                let more = json!({ "body": body, "headers": { "Location": format!("/{CANARY}") } });
                azure.0.fault(on, status, &more);
                let failure = azure.fetch_within(SOON, azure.plain()).expect_err("it must fail");
                let said = failure.message;
                assert!(said.starts_with("Azure secret '") && !said.contains(CANARY), "{said}");
            }
        }
    }
    for method in ["GET", "PUT", "PATCH"] {
        azure.0.fault("secrets/site", 400, &json!({ "body": bodies[0], "method": method }));
        let result = azure.write(azure.plain(), &first, &[("KEY", Some("new-canary-7f3a"))]);
        let failure = result.expect_err("it must fail");
        assert!(!failure.message.contains(CANARY), "{}", failure.message);
    }
}

#[test]
fn no_credential_shows() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    for source in [
        with(azure.plain(), Credential::ClientSecret, &format!("{CANARY}\u{1}é")),
        with(azure.plain(), Credential::CaCertificates, CANARY),
        with(azure.source(|_| {}), Credential::Jwt, CANARY),
        azure.source(|secret| secret.vault = format!("https://{CANARY}:{CANARY}@x")),
    ] {
        let Err(failure) = azure.fetch_within(SOON, source) else { continue };
        let said = failure.message.split_once("': ").unwrap().1;
        assert!(!said.contains(CANARY), "{said}");
    }
}
