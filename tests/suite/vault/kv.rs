//! Reading: KV 1 and KV 2, versions, what is deleted and what is destroyed.

use keybearer::config::Engine;
use keybearer::helper::{Credential, Kind};
use serde_json::json;

use super::{SourceExt, expect_failure, fetch, look, shown};
use crate::harness::{Bench, VaultServer, once, unique};

#[test]
fn kv2_gives_the_newest_version_and_its_number() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let mount = server.mount_kv(2);
    let path = format!("{mount}/data/site/prod");
    server.post(&path, &json!({ "data": { "SECRET_KEY": "old" } }));
    let data = json!({ "SECRET_KEY": "new-é\n", "PORT": 8000, "DEBUG": false, "NONE": null, "LIST": ["a"] });
    server.post(&path, &json!({ "data": data }));
    let got = fetch(server.source(&mount, "site/prod")).unwrap();
    let expected =
        [("DEBUG", "false"), ("LIST", "[\"a\"]"), ("PORT", "8000"), ("SECRET_KEY", "new-é\n")];
    assert_eq!(shown(&got.entries), expected);
    assert_eq!(got.version.as_deref(), Some("2"));
    assert_eq!(
        got.warnings,
        [format!("Vault '{mount}/site/prod': \"NONE\" is null and is left out")]
    );
    // A token of the operator's is his to keep.
    assert_eq!((got.state, got.lease), (None, None));
    assert_eq!(look(server.source(&mount, "site/prod")), Ok(Some("2".to_owned())));
}

#[test]
fn kv2_gives_the_version_that_the_config_names() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let mount = server.mount_kv(2);
    let path = format!("{mount}/data/p");
    server.post(&path, &json!({ "data": { "A": "1" } }));
    server.post(&path, &json!({ "data": { "A": "2" } }));
    let source = |version| server.source(&mount, "p").vault(|vault| vault.version = Some(version));
    let got = fetch(source(1)).unwrap();
    assert_eq!(shown(&got.entries), [("A", "1")]);
    assert_eq!(got.version.as_deref(), Some("1"));
    assert_eq!(look(source(1)), Ok(Some("1".to_owned())));
    expect_failure(
        &server,
        fetch(source(3)),
        Kind::Wrong,
        &format!(
            "Vault '{mount}/p': {{at}} has no version 3 there (HTTP 404); check version, mount and path"
        ),
    );
}

#[test]
fn deleted_and_destroyed_versions_are_told_apart() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let mount = server.mount_kv(2);
    server.post(&format!("{mount}/data/p"), &json!({ "data": { "A": "1" } }));
    server.post(&format!("{mount}/delete/p"), &json!({ "versions": [1] }));
    let source = || server.source(&mount, "p");
    let deleted = format!(
        "Vault '{mount}/p': version 1 is deleted; run: vault kv undelete -mount={mount} -versions=1 p"
    );
    expect_failure(&server, fetch(source()), Kind::Wrong, &deleted);
    server.post(&format!("{mount}/undelete/p"), &json!({ "versions": [1] }));
    assert_eq!(shown(&fetch(source()).unwrap().entries), [("A", "1")]);
    server.post(&format!("{mount}/destroy/p"), &json!({ "versions": [1] }));
    let destroyed =
        format!("Vault '{mount}/p': version 1 is destroyed and cannot come back; write a new one");
    expect_failure(&server, fetch(source()), Kind::Wrong, &destroyed);
}

#[test]
fn history_gives_earlier_values_the_newest_first_without_the_deleted() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let mount = server.mount_kv(2);
    for number in 1..=6 {
        let data = json!({ "data": { "KEY": format!("k{number}"), "OTHER": "x" } });
        server.post(&format!("{mount}/data/p"), &data);
    }
    server.post(&format!("{mount}/delete/p"), &json!({ "versions": [4] }));
    server.post(&format!("{mount}/destroy/p"), &json!({ "versions": [2] }));
    let mut source = server.source(&mount, "p");
    source.history = vec!["KEY".to_owned(), "MISSING".to_owned()];
    let got = fetch(source).unwrap();
    assert_eq!(shown(&got.entries), [("KEY", "k6"), ("OTHER", "x")]);
    assert_eq!(shown(&got.history), [("KEY", "k5"), ("KEY", "k3"), ("KEY", "k1")]);
}

#[test]
fn kv1_gives_its_document_and_no_version() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let mount = server.mount_kv(1);
    server.post(&format!("{mount}/site/prod"), &json!({ "A": "1", "B": 2.50 }));
    let source = |path: &str| server.source(&mount, path).vault(|vault| vault.engine = Engine::Kv1);
    let got = fetch(source("site/prod")).unwrap();
    assert_eq!(shown(&got.entries), [("A", "1"), ("B", "2.5")]);
    assert_eq!(got.version, None);
    assert_eq!(look(source("site/prod")), Ok(None));
    expect_failure(
        &server,
        fetch(source("other")),
        Kind::Wrong,
        &format!(
            "Vault '{mount}/other': {{at}} has nothing there (HTTP 404); check mount and path, and namespace; a KV 2 mount wants engine = \"kv2\""
        ),
    );
}

#[test]
fn the_wrong_engine_is_named() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let (one, two) = (server.mount_kv(1), server.mount_kv(2));
    server.post(&format!("{one}/p"), &json!({ "A": "1" }));
    server.post(&format!("{two}/data/p"), &json!({ "data": { "A": "1" } }));
    expect_failure(
        &server,
        fetch(server.source(&one, "p")),
        Kind::Wrong,
        &format!(
            "Vault '{one}/p': {{at}} has nothing there (HTTP 404); check mount and path, and namespace; a KV 1 mount wants engine = \"kv1\""
        ),
    );
    expect_failure(
        &server,
        fetch(server.source(&two, "p").vault(|vault| vault.engine = Engine::Kv1)),
        Kind::Wrong,
        &format!(
            "Vault '{two}/p': {{at}} has nothing there (HTTP 404); check mount and path, and namespace; a KV 2 mount wants engine = \"kv2\""
        ),
    );
}

#[test]
fn a_missing_policy_is_named_and_metadata_may_be_out_of_reach() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let mount = server.mount_kv(2);
    server.post(&format!("{mount}/data/p"), &json!({ "data": { "A": "1" } }));
    let data = format!("{mount}/data/p");
    let token = server.token(&json!({}), &[(&data, &["read"])]);
    let source = |path: &str| server.source(&mount, path).with(Credential::Token, &token);
    assert_eq!(shown(&fetch(source("p")).unwrap().entries), [("A", "1")]);
    assert_eq!(look(source("p")), Ok(None));
    expect_failure(
        &server,
        fetch(source("q")),
        Kind::Refused,
        &format!(
            "Vault '{mount}/q': {{at}} refuses to read it (HTTP 403); the token may have ended, or its policies lack read on '{mount}/data/q'"
        ),
    );
}

#[test]
fn a_namespace_goes_along() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    let mount = unique("team");
    let team = [("X-Vault-Namespace", "team")];
    let kv = json!({ "type": "kv", "options": { "version": "2" } });
    server.said("POST", &format!("sys/mounts/{mount}"), &team, &kv);
    let data = json!({ "data": { "A": "team" } });
    server.said("POST", &format!("{mount}/data/p"), &team, &data);
    let source = |namespace: Option<&str>| {
        let namespace = namespace.map(str::to_owned);
        server.source(&mount, "p").vault(|vault| vault.namespace = namespace)
    };
    assert_eq!(shown(&fetch(source(Some("team"))).unwrap().entries), [("A", "team")]);
    let nothing = format!(
        "Vault '{mount}/p': {{at}} has nothing there (HTTP 404); check mount and path, and namespace; a KV 1 mount wants engine = \"kv1\""
    );
    expect_failure(&server, fetch(source(None)), Kind::Wrong, &nothing);
    expect_failure(&server, fetch(source(Some("nowhere"))), Kind::Wrong, &nothing);
}
