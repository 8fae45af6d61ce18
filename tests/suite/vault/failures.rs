//! A store that cannot be asked, and what is said then.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use keybearer::config::Engine;
use keybearer::helper::{Answer, Credential, Failure, Kind, Request, Work};
use serde_json::{Value, json};

use super::{SourceExt, expect_failure, fetch, fetch_within, shown};
use crate::harness::{Bench, VaultServer, ask_starved_store, free_port, once};

/// Long enough for an answer on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(3);

#[test]
fn a_server_that_serves_nobody_says_why() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.seed("p", &[("A", "1")]);
    let conditions = [
        ("sealed", "is sealed; unseal it"),
        ("uninitialised", "is not initialised; run: vault operator init"),
    ];
    for (condition, said) in conditions {
        server.condition(condition);
        let message = format!("Vault 'secret/p': {{at}} {said}");
        let result = fetch_within(SOON, server.source("secret", "p"));
        expect_failure(&server, result, Kind::Unreachable, &message);
    }
    let standby = "is on standby and does not pass requests on; set the address of the active node";
    server.fault("secret/", 500, &json!({}));
    for (condition, said) in [("standby", standby), ("active", "fails (HTTP 500)")] {
        server.condition(condition);
        let message = format!("Vault 'secret/p': {{at}} {said}");
        let result = fetch_within(SOON, server.source("secret", "p"));
        expect_failure(&server, result, Kind::Unreachable, &message);
    }
}

/// What goes away by itself is waited for.
#[test]
fn it_is_asked_again_while_that_may_help() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.seed("p", &[("A", "1")]);
    for fault in [json!(429), json!(500), json!(503), json!(412), json!("truncate")] {
        server.fault("secret/data/p", fault.clone(), &json!({ "times": 2 }));
        let got = fetch(server.source("secret", "p")).unwrap();
        assert_eq!(shown(&got.entries), [("A", "1")], "{fault}");
    }
}

#[test]
fn what_will_not_change_fails_at_once() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    let at = "Vault 'secret/p': {at}";
    let cases: [(Value, Kind, &str); 5] = [
        (
            json!(403),
            Kind::Refused,
            "refuses to read it (HTTP 403); the token may have ended, or its policies lack read on 'secret/data/p'",
        ),
        (
            json!(404),
            Kind::Wrong,
            "has nothing there (HTTP 404); check mount and path, and namespace; a KV 1 mount wants engine = \"kv1\"",
        ),
        (
            json!(400),
            Kind::Wrong,
            "does not take the request (HTTP 400); check mount, path and engine",
        ),
        (
            json!(307),
            Kind::Wrong,
            "sends elsewhere (HTTP 307); set the address that answers itself",
        ),
        (json!(200), Kind::Wrong, "does not answer as Vault does; check the address"),
    ];
    for (fault, kind, said) in cases {
        server.requests();
        let more =
            json!({ "body": "<html>canary", "headers": { "Location": "https://canary.invalid/" } });
        server.fault("secret/", fault, &more);
        let result = fetch(server.source("secret", "p"));
        expect_failure(&server, result, kind, &format!("{at} {said}"));
        assert_eq!(server.requests().len(), 1);
    }
    server.no_fault();
    server.seed("p", &[("A", "1")]);
    assert_eq!(shown(&fetch(server.source("secret", "p")).unwrap().entries), [("A", "1")]);
}

#[test]
fn a_throttle_that_does_not_end_is_named() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.fault("secret/", 429, &json!({}));
    expect_failure(
        &server,
        fetch_within(SOON, server.source("secret", "p")),
        Kind::Unreachable,
        "Vault 'secret/p': {at} has too many requests (HTTP 429); try again later",
    );
}

#[test]
fn a_silent_or_slow_server_costs_no_more_than_there_is_time() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    for fault in ["silence", "drip"] {
        server.fault("secret/", fault, &json!({}));
        let start = Instant::now();
        expect_failure(
            &server,
            fetch_within(SOON, server.source("secret", "p")),
            Kind::Unreachable,
            "Vault 'secret/p': no answer from {at} in time",
        );
        assert!(start.elapsed() < SOON * 5, "{:?}", start.elapsed());
    }
}

#[test]
fn half_an_answer_is_none() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.fault("secret/", "truncate", &json!({ "body": "{\"data\": {\"canary" }));
    expect_failure(
        &server,
        fetch_within(SOON, server.source("secret", "p")),
        Kind::Unreachable,
        "Vault 'secret/p': {at} broke off its answer",
    );
}

#[test]
fn an_answer_without_end_is_refused() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.fault("secret/", "flood", &json!({}));
    expect_failure(
        &server,
        fetch(server.source("secret", "p")),
        Kind::Wrong,
        "Vault 'secret/p': {at} answers with more than 16 MiB",
    );
}

#[test]
fn an_unknown_ca_is_refused_and_the_mend_named() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    let other = fs::read_to_string(server.other_ca()).unwrap();
    let result = fetch(server.source("secret", "p").with(Credential::CaCertificates, &other));
    let message = "Vault 'secret/p': the certificate of {at} is signed by no known CA; set ca-file to the certificate of its CA";
    expect_failure(&server, result, Kind::Wrong, message);
    assert!(server.requests().is_empty());
    let result = fetch(server.source("secret", "p").with(Credential::CaCertificates, "no PEM"));
    let message = "Vault 'secret/p': its ca-file holds no certificate in PEM form";
    expect_failure(&server, result, Kind::Wrong, message);
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    let other = server.address().replace("127.0.0.1", "127.0.0.2");
    let listener = TcpListener::bind(other.trim_start_matches("https://")).unwrap();
    // Nothing but a way to the server under another name.
    let target = server.address().trim_start_matches("https://").to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let to = std::net::TcpStream::connect(&target).unwrap();
            let (mut a, mut b) = (stream.try_clone().unwrap(), to.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut a, &mut b));
            let (mut a, mut b) = (to, stream);
            std::thread::spawn(move || std::io::copy(&mut a, &mut b));
        }
    });
    let address = other.clone();
    let result = fetch(server.source("secret", "p").vault(|vault| vault.address = address));
    let message = format!("Vault 'secret/p': the certificate of {other} is for another name");
    expect_failure(&server, result, Kind::Wrong, &message);
}

#[test]
fn nobody_listens() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    let address = format!("https://127.0.0.1:{}", free_port());
    let result = fetch_within(SOON, {
        let address = address.clone();
        server.source("secret", "p").vault(|vault| vault.address = address)
    });
    let message = format!("Vault 'secret/p': cannot connect to {address}: connection refused");
    expect_failure(&server, result, Kind::Unreachable, &message);
}

#[test]
fn a_server_without_tls_is_asked_on_loopback_only() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.seed("p", &[("A", "1")]);
    let source =
        |address: String| server.source("secret", "p").vault(|vault| vault.address = address);
    let got = fetch(source(server.plain_address())).unwrap();
    assert_eq!(shown(&got.entries), [("A", "1")]);
    let message = "Vault 'secret/p': refusing http://vault.test:8200: tokens would go over the wire in the clear; use https://";
    let result = fetch(source("http://vault.test:8200".to_owned()));
    expect_failure(&server, result, Kind::Wrong, message);
}

/// What is meant for TLS is not spoken in the clear to a server that has none, and the other way round.
#[test]
fn tls_is_not_talked_out_of() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    let address = server.plain_address().replace("http:", "https:");
    let result = fetch_within(SOON, {
        let address = address.clone();
        server.source("secret", "p").vault(|vault| vault.address = address)
    });
    let message = format!("Vault 'secret/p': the TLS handshake with {address} was broken off");
    expect_failure(&server, result, Kind::Unreachable, &message);
}

/// Nobody was asked, and whoever reads the line learns what this machine lacks.
#[test]
fn a_helper_that_cannot_begin_says_why() {
    once!();
    let work = Work::Fetch(Vec::new());
    let message =
        "keybearer-store cannot ask anybody: Too many open files (os error 24)".to_owned();
    assert_eq!(
        ask_starved_store(&Request { within: SOON, work }),
        Answer::Failed(Failure { kind: Kind::Unreachable, message, state: None })
    );
}

/// What was tried once says nothing of how long.
#[test]
fn for_how_long_it_was_tried_is_said_of_what_was_tried_again() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.database("database", None, 100, 150);
    server.fault("database/creds", 429, &json!({}));
    let source =
        || server.source("database", "site").vault(|vault| vault.engine = Engine::Database);
    let again = fetch_within(SOON, source()).unwrap_err();
    assert!(again.message.ends_with("try again later (tried for up to 3s)"), "{again:?}");
    // Vault itself says that it could not; of a balancer nobody knows.
    server.fault("database/creds", 500, &json!({}));
    let again = fetch_within(SOON, source()).unwrap_err();
    assert!(again.message.ends_with(" fails (HTTP 500) (tried for up to 3s)"), "{again:?}");
    server.fault("database/creds", 500, &json!({ "body": "<html></html>" }));
    let once = fetch_within(SOON, source()).unwrap_err();
    assert!(once.message.ends_with(" fails (HTTP 500)"), "{once:?}");
}
