//! Writing back: one atomic step, or nothing.

use std::time::Duration;

use keybearer::config::Engine;
use keybearer::helper::{Credential, Kind};
use serde_json::json;

use super::{SourceExt, expect_failure, fetch, shown, write, write_within};
use crate::harness::{Bench, VaultServer, once};

const CONFLICT: &str = "somebody else has written it meanwhile; nothing was changed";

#[test]
fn changes_are_written_and_the_rest_stays_as_it_is() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let mount = server.mount_kv(2);
    let path = format!("{mount}/data/p");
    let data = json!({ "KEY": "old", "GONE": "x", "PORT": 8000, "NESTED": { "a": [1, null] }, "NONE": null });
    server.post(&path, &json!({ "data": data }));
    let changes = [("KEY", Some("new \"é\"")), ("GONE", None), ("MORE", Some("1"))];
    let written = write(server.source(&mount, "p"), "1", &changes).unwrap();
    assert_eq!(written.version, "2");
    assert_eq!(written.state, None);
    let expected = json!({ "KEY": "new \"é\"", "PORT": 8000, "NESTED": { "a": [1, null] }, "NONE": null, "MORE": "1" });
    assert_eq!(server.get(&path)["data"]["data"], expected);
}

#[test]
fn a_document_that_somebody_else_has_written_is_left_alone() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let mount = server.mount_kv(2);
    let path = format!("{mount}/data/p");
    server.post(&path, &json!({ "data": { "KEY": "1" } }));
    server.post(&path, &json!({ "data": { "KEY": "2" } }));
    let message = format!("Vault '{mount}/p': {CONFLICT}");
    let result = write(server.source(&mount, "p"), "1", &[("KEY", Some("x"))]);
    expect_failure(&server, result, Kind::Conflict, &message);
    assert_eq!(server.get(&path)["data"]["data"], json!({ "KEY": "2" }));
}

/// They read the same version, and check-and-set lets one of them through.
#[test]
fn of_many_writers_of_one_version_one_wins() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let mount = server.mount_kv(2);
    let path = format!("{mount}/data/p");
    server.post(&path, &json!({ "data": { "KEY": "1" } }));
    let results: Vec<_> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|number| {
                let source = server.source(&mount, "p");
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
                assert_eq!(failure.kind, Kind::Conflict);
                assert_eq!(failure.message, format!("Vault '{mount}/p': {CONFLICT}"));
            }
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(server.get(&path)["data"]["data"], json!({ "KEY": won[0] }));
}

/// The answer got lost, so it is asked again, and the store says that it is there already.
#[test]
fn a_write_whose_answer_was_lost_is_not_taken_for_somebody_elses() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.seed("p", &[("KEY", "1")]);
    server.fault("secret/data/p", 502, &json!({ "times": 1, "after": true, "method": "POST" }));
    let written = write(server.source("secret", "p"), "1", &[("KEY", Some("2"))]).unwrap();
    assert_eq!(written.version, "2");
    assert_eq!(server.document("p"), json!({ "KEY": "2" }));
}

/// All answers get lost: what is there then tells.
#[test]
fn a_write_that_was_never_answered_is_looked_for() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.seed("p", &[("KEY", "1")]);
    let more = json!({ "after": true, "method": "POST" });
    server.fault("secret/data/p", 502, &more);
    let soon = Duration::from_secs(8);
    let source = || server.source("secret", "p");
    let written = write_within(soon, source(), "1", &[("KEY", Some("2"))]).unwrap();
    assert_eq!(written.version, "2");
    // Not done at all: that is known as well.
    server.fault("secret/data/p", 502, &json!({ "method": "POST" }));
    let message = "Vault 'secret/p': {at} fails (HTTP 502)";
    let result = write_within(soon, source(), "2", &[("KEY", Some("3"))]);
    expect_failure(&server, result, Kind::Unreachable, message);
    assert_eq!(server.document("p"), json!({ "KEY": "2" }));
}

#[test]
fn a_write_of_which_nothing_is_known_says_so() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.seed("p", &[("KEY", "1")]);
    // What is to be changed is read, and then nobody answers any more.
    server.fault("secret/data/p", "silence", &json!({ "skip": 1 }));
    let result = write_within(
        Duration::from_secs(4),
        server.source("secret", "p"),
        "1",
        &[("KEY", Some("2"))],
    );
    let message =
        "Vault 'secret/p': no answer from {at} in time; whether it was written is not known";
    expect_failure(&server, result, Kind::Unreachable, message);
}

#[test]
fn what_cannot_be_written_is_refused_with_the_mend() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let (one, two) = (server.mount_kv(1), server.mount_kv(2));
    server.post(&format!("{one}/p"), &json!({ "A": "1" }));
    server.post(&format!("{two}/data/p"), &json!({ "data": { "A": "1" } }));
    let kv1 = server.source(&one, "p").vault(|vault| vault.engine = Engine::Kv1);
    expect_failure(
        &server,
        write(kv1, "", &[("A", Some("2"))]),
        Kind::Wrong,
        &format!(
            "Vault '{one}/p' cannot be written: KV 1 has no check-and-set, and two writers would overwrite each other; keep the Django keys in KV 2"
        ),
    );
    let fixed = server.source(&two, "p").vault(|vault| vault.version = Some(1));
    expect_failure(
        &server,
        write(fixed, "1", &[("A", Some("2"))]),
        Kind::Wrong,
        &format!(
            "Vault '{two}/p' cannot be written while 'version = 1' fixes what is read; take it out of the config"
        ),
    );
    let data = format!("{two}/data/p");
    let token = server.token(&json!({}), &[(&data, &["read"])]);
    let source = || server.source(&two, "p").with(Credential::Token, &token);
    expect_failure(
        &server,
        write(source(), "1", &[("A", Some("2"))]),
        Kind::Refused,
        &format!(
            "Vault '{two}/p': {{at}} refuses to write it (HTTP 403); the token may have ended, or its policies lack update on '{two}/data/p'"
        ),
    );
    assert_eq!(shown(&fetch(source()).unwrap().entries), [("A", "1")]);
}
