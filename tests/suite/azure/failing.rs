//! A store that cannot be asked, and what is said then.

use std::time::Instant;

use keybearer::helper::{Answer, Credential, Kind, Request, Work};
use serde_json::{Value, json};

use super::{Azure, SOON, shown};
use crate::harness::{Bench, ask_store, free_port, once, with, without_tries};

#[test]
fn it_is_asked_again_while_that_may_help() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    azure.seed(r#"{"A":"1"}"#);
    for on in ["secrets/site", "oauth2/v2.0/token"] {
        for fault in [json!(429), json!(500), json!(503), json!("truncate")] {
            azure.0.fault(on, fault.clone(), &json!({ "times": 2 }));
            let got = azure.fetch(azure.plain()).unwrap();
            assert_eq!(shown(&got.entries), [("A", "1")], "{on} {fault}");
        }
    }
}

#[test]
fn what_will_not_change_fails_at_once() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    azure.seed(r#"{"A":"1"}"#);
    let inner = |code: &str| {
        json!({ "error": { "code": "Forbidden", "message": "canary", "innererror": { "code": code } } })
            .to_string()
    };
    let html = "<html>canary".to_owned();
    for (fault, body, kind, said) in [
        (
            401,
            &html,
            Kind::Refused,
            "{at} does not take the access token (HTTP 401); check 'tenant' and this machine's clock",
        ),
        (
            403,
            &html,
            Kind::Refused,
            "access denied (HTTP 403); allow to get secrets to this client",
        ),
        (
            403,
            &inner("ForbiddenByRbac"),
            Kind::Refused,
            "access denied (HTTP 403); allow to get secrets to this client",
        ),
        (
            403,
            &inner("ForbiddenByFirewall"),
            Kind::Refused,
            "the vault's firewall keeps this machine out (HTTP 403); allow its network",
        ),
        (
            403,
            &inner("SecretDisabled").replace("innererror", "innerError"),
            Kind::Wrong,
            "it is disabled; enable it, or write a new version",
        ),
        (
            400,
            &html,
            Kind::Wrong,
            "{at} does not take the request (HTTP 400); check 'vault' and 'secret'",
        ),
        (
            302,
            &html,
            Kind::Wrong,
            "{at} sends elsewhere (HTTP 302), which is not followed; check the address",
        ),
        (200, &html, Kind::Wrong, "{at} does not answer as Key Vault does; check the address"),
    ] {
        let more = json!({ "body": body, "headers": { "Location": "https://canary.invalid/" } });
        azure.0.fault("secrets/site", fault, &more);
        azure.0.requests();
        azure.fails(azure.fetch(azure.plain()), kind, said);
        assert_eq!(azure.0.requests().len(), 2, "the token and the secret");
    }
}

#[test]
fn what_does_not_end_is_named() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    azure.seed(r#"{"A":"1"}"#);
    let cases: [(Value, &str); 5] = [
        (json!(429), "{at} has too many requests (HTTP 429); try again later"),
        (json!(503), "{at} fails (HTTP 503)"),
        (json!("silence"), "no answer from {at} in time"),
        (json!("drip"), "no answer from {at} in time"),
        (json!("truncate"), "{at} broke off its answer"),
    ];
    for (fault, said) in cases {
        azure.0.fault("secrets/site", fault, &json!({ "body": "{\"canary" }));
        let start = Instant::now();
        azure.fails(azure.fetch_within(SOON, azure.plain()), Kind::Unreachable, said);
        assert!(start.elapsed() < SOON * 3, "{:?}", start.elapsed());
    }
    azure.0.fault("secrets/site", "flood", &json!({}));
    let line = "{at} answers with more than 1 MiB";
    azure.fails(azure.fetch(azure.plain()), Kind::Wrong, line);
}

#[test]
fn tls_is_judged() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    let other = with(azure.plain(), Credential::CaCertificates, &azure.0.other_ca());
    let line = "the certificate of {at} is signed by no known CA; set ca-file to the certificate of its CA";
    azure.fails(azure.fetch(other), Kind::Wrong, line);
    assert!(azure.0.requests().is_empty());
    let address = format!("https://127.0.0.1:{}", free_port());
    let nobody = azure.source(|secret| secret.vault = address.clone());
    let failure = azure.fetch_within(SOON, nobody).unwrap_err();
    let host = address.trim_start_matches("https://");
    let line =
        format!("Azure secret '{host}/site': cannot connect to {address}: connection refused");
    assert_eq!((failure.kind, without_tries(&failure.message)), (Kind::Unreachable, line));
}

/// The login has the CA of the public, whoever has signed the certificate of a private endpoint.
#[test]
fn the_login_may_have_another_ca() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    azure.seed(r#"{"A":"1"}"#);
    let login = azure.0.address().replace("127.0.0.1", "localhost");
    let systems = azure.0.ca();
    let fetch = |source, system: &str| {
        let work = Work::Fetch(vec![source]);
        let variables = [("AZURE_AUTHORITY_HOST", &*login), ("SSL_CERT_FILE", system)];
        match ask_store(&Request { within: SOON, work }, &variables) {
            Answer::Fetched(mut results) => results.remove(0),
            other => panic!("{other:?}"),
        }
    };
    let ours = systems.to_str().unwrap();
    let other = azure.0.word("other_ca");
    assert!(fetch(azure.plain(), other).is_ok(), "the one of ca-file is good for both");
    azure.0.requests();
    let source = with(azure.plain(), Credential::CaCertificates, &azure.0.other_ca());
    let line = "the certificate of {at} is signed by no known CA; set ca-file to the certificate of its CA";
    azure.fails(fetch(source, ours), Kind::Wrong, line);
    assert_eq!(azure.0.requests().len(), 1, "the login, and the vault is judged by ca-file alone");
}
