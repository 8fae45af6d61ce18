//! A store that is away, says no, or has nothing: nothing is lost, and the line says why.

use super::{Store, configured, ends, for_each_store, keybearer, serving, status};
use crate::harness::{Bench, KEY, free_port, proc};

for_each_store!(nothing_is_there, credentials_are_missing);

fn nothing_is_there(bench: &Bench, store: &Store<'_>) {
    configured(bench, store, "", "[fetch]\nwithin = \"5s\"\n");
    let run = keybearer(bench, store, &["run"]).run().expect_code(78);
    assert!(run.stderr.contains("'") && run.stderr.contains(&store.shown()), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

fn credentials_are_missing(bench: &Bench, store: &Store<'_>) {
    store.seed(&[("SECRET_KEY", KEY)]);
    let config = configured(bench, store, "", "[fetch]\nwithin = \"5s\"\n");
    let run = bench.keybearer(["run", "--config"]).arg(config);
    let nobody = format!("127.0.0.1:{}", free_port());
    let run = run.env("AWS_EC2_METADATA_DISABLED", "true").env("GCE_METADATA_HOST", &nobody);
    let run = run.env("AZURE_POD_IDENTITY_AUTHORITY_HOST", format!("http://{nobody}")).run();
    // Where a cloud gives a machine its credentials it may be up later.
    let codes: &[i32] = match store {
        Store::Aws(_) | Store::Vault(_) => &[77, 78],
        Store::Google(_) | Store::Azure(_) => &[75],
    };
    assert!(run.code.is_some_and(|code| codes.contains(&code)), "{:?}: {}", run.code, run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

/// At start nothing is started; later what runs goes on.
#[test]
fn the_store_is_away() {
    let bench = Bench::new();
    let Some(store) = Store::vault(&bench) else { return };
    let Store::Vault(vault) = &store else { return };
    store.seed(&[("SECRET_KEY", KEY)]);
    let running = serving(&bench, &store, "", "[fetch]\nwithin = \"2s\"\n");
    vault.fault("secret/data", 500, &serde_json::json!({ "body": "canary-in-a-body" }));
    let reload = bench.keybearer(["reload", bench.name()]).run().expect_code(75);
    let reload = reload.expect_nowhere("canary-in-a-body").expect_nowhere(KEY);
    assert!(reload.stderr.contains("Vault 'secret/example/prod'"), "{}", reload.stderr);
    assert_eq!(proc::environ(running.child_pid())["SECRET_KEY"], KEY);
    let failed = &status(&bench)["fetch-failed"]["message"];
    assert!(failed.as_str().unwrap().contains("Vault 'secret/example/prod'"), "{failed}");

    vault.no_fault();
    bench.keybearer(["reload", bench.name()]).run().expect_code(0);
    ends(running, &[KEY, "canary-in-a-body"]);
}

#[test]
fn nobody_listens() {
    let bench = Bench::new();
    let port = free_port();
    let config = bench.config(&format!(
        "command = [\"/bin/true\"]\n[[source]]\ntype = \"vault\"\naddress = \"http://127.0.0.1:{port}\"\nmount = \"secret\"\npath = \"x\"\n[fetch]\nwithin = \"1s\"\n"
    ));
    let run = bench.keybearer(["run", "--config"]).arg(config).user_flags();
    let run = run.env("VAULT_TOKEN", "canary-of-a-token").run().expect_code(75);
    let run = run.expect_nowhere("canary-of-a-token");
    assert!(run.stderr.starts_with("keybearer: Vault 'secret/x'"), "{}", run.stderr);
}

/// A TERM while a store is waited for ends it at once.
#[test]
fn a_term_is_not_kept_waiting() {
    let bench = Bench::new();
    let Some(store) = Store::vault(&bench) else { return };
    let Store::Vault(vault) = &store else { return };
    store.seed(&[("SECRET_KEY", KEY)]);
    vault.fault("secret/data", "silence", &serde_json::json!({}));
    vault.requests();
    configured(&bench, &store, "", "[fetch]\nwithin = \"60s\"\n");
    let run = keybearer(&bench, &store, &["run"]).spawn();
    crate::harness::eventually("the question", || {
        vault.requests().iter().any(|request| request.contains("secret/data"))
    });
    run.signal(nix::sys::signal::Signal::SIGTERM);
    run.wait().expect_code(143);
}

/// In the middle of a round, too: what runs is told, and the round is nobody's.
#[test]
fn a_term_in_a_round_is_not_kept_waiting() {
    let bench = Bench::new();
    let Some(store) = Store::vault(&bench) else { return };
    let Store::Vault(vault) = &store else { return };
    store.seed(&[("SECRET_KEY", KEY)]);
    let running = serving(&bench, &store, "", "[fetch]\nwithin = \"60s\"\n");
    vault.fault("secret/data", "silence", &serde_json::json!({}));
    vault.requests();
    running.signal(nix::sys::signal::Signal::SIGHUP);
    crate::harness::eventually("the question", || {
        vault.requests().iter().any(|request| request.contains("secret/data"))
    });
    // It serves and answers meanwhile.
    assert_eq!(status(&bench)["generation"], 1);
    ends(running, &[KEY]);
}
