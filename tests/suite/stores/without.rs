//! A store that is away, says no, or has nothing: nothing is lost, and the line says why.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;

use super::{NAME, Store, configured, ends, for_each_store, keybearer, readable, serving, status};
use crate::harness::{Bench, KEY, Mode, Moto, free_port, once, proc, show};

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

/// What is said, with which code, and when: what may pass is asked for as long as there is time, and what
/// will not change is asked once, else the test would wait beyond its own deadline.
#[test]
fn every_way_in_which_aws_fails() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    let user = if Mode::current().is_root() { "user = \"{user}\"\n" } else { "" };
    let told = |at: (&str, &str), ca: PathBuf, within: &str, code: i32, said: &str| {
        let (name, endpoint) = at;
        bench.config(&format!(
            "command = [\"/bin/true\"]\n{user}[[source]]\ntype = \"aws-secrets-manager\"\n\
             secret = \"{name}\"\nregion = \"eu-west-1\"\nendpoint = \"{endpoint}\"\n\
             ca-file = {:?}\n[fetch]\nwithin = \"{within}\"\n",
            readable(&bench, ca)
        ));
        let exec = bench.keybearer(["exec", "--config"]).arg(bench.path("site.toml"));
        let exec = moto.variables().into_iter().fold(exec, |it, (name, value)| it.env(name, value));
        let begun = Instant::now();
        exec.run().expect_refusal(code, &format!("keybearer: AWS secret '{name}'{said}"));
        show(&format!("code {code} after {:.1?} of {within}{said}", begun.elapsed()));
    };
    let (answers, closed) = (moto.wrong_url(""), format!("https://localhost:{}", free_port()));
    let answers = answers.trim_end_matches('/');
    for (at, said) in [
        (("silent", answers), ": no answer within 2s"),
        (("failing", answers), " in eu-west-1: AWS failed with HTTP 500 (tried for up to 2s)"),
        (("ThrottlingException", answers), " in eu-west-1: throttled by AWS (tried for up to 2s)"),
        (
            ("cut", answers),
            " in eu-west-1: the answer was cut off or is none of AWS (tried for up to 2s)",
        ),
        ((NAME, &closed), " in eu-west-1: connection refused (tried for up to 2s)"),
        // No address that the tests' network has a route to.
        ((NAME, "https://192.0.2.1"), " in eu-west-1: no route (tried for up to 2s)"),
    ] {
        told(at, moto.ca(), "2s", 75, said);
    }
    let expired = " in eu-west-1: the session token has expired; get new credentials";
    told(("ExpiredTokenException", answers), moto.ca(), "1000s", 77, expired);
    let untrusted = " in eu-west-1: the certificate is not trusted; give its CA as 'ca-file' or in SSL_CERT_FILE";
    told((NAME, &moto.url()), bench.path("aws/other-ca.pem"), "1000s", 78, untrusted);
}

/// At start nothing is started; later what runs goes on.
#[test]
fn the_store_is_away() {
    let bench = Bench::new();
    let Some(store) = Store::vault(&bench) else { return };
    let Store::Vault(vault) = &store else { return };
    store.seed(&[("SECRET_KEY", KEY)]);
    let running = serving(&bench, &store, "", "[fetch]\nwithin = \"2s\"\n");
    vault.fault("secret/data", 500, &json!({ "body": "canary-in-a-body" }));
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

/// It can be had only once. The login with it failed, and the next round has it still.
#[test]
fn an_unwrapped_secret_id_is_not_lost() {
    let bench = Bench::new();
    let Some(store) = Store::vault(&bench) else { return };
    let Store::Vault(vault) = &store else { return };
    store.seed(&[("SECRET_KEY", KEY)]);
    let auth = vault.enable("approle");
    let policy = vault.policy(&[("secret/data/example/prod", &["read"])]);
    vault.post(&format!("auth/{auth}/role/site"), &json!({ "token_policies": [policy] }));
    let id = vault.get(&format!("auth/{auth}/role/site/role-id"));
    let role_id = id["data"]["role_id"].as_str().unwrap();
    let wrap = || {
        let wrapping = vault.wrapped(&format!("auth/{auth}/role/site/secret-id"));
        bench.file("secret-id", wrapping, 0o600)
    };
    let file = wrap();
    let source = format!(
        "auth = {{ method = \"approle\", mount = \"{auth}\", role-id = \"{role_id}\", \
         secret-id-file = {file:?}, wrapped = true }}"
    );
    let running = serving(&bench, &store, &source, "[fetch]\nwithin = \"2s\"\n");
    vault.expire_tokens();
    wrap();
    vault.fault("/login", 503, &json!({}));
    vault.requests();
    bench.keybearer(["reload", bench.name()]).run().expect_code(75);
    vault.no_fault();
    bench.keybearer(["reload", bench.name()]).run().expect_code(0);
    let asked = vault.requests();
    let unwrapped = asked.iter().filter(|request| request.ends_with("sys/wrapping/unwrap"));
    assert_eq!(unwrapped.count(), 1, "{asked:?}");
    ends(running, &[KEY]);
}

/// A TERM while a store is waited for ends it at once.
#[test]
fn a_term_is_not_kept_waiting() {
    let bench = Bench::new();
    let Some(store) = Store::vault(&bench) else { return };
    let Store::Vault(vault) = &store else { return };
    store.seed(&[("SECRET_KEY", KEY)]);
    vault.fault("secret/data", "silence", &json!({}));
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
    vault.fault("secret/data", "silence", &json!({}));
    vault.requests();
    running.signal(nix::sys::signal::Signal::SIGHUP);
    crate::harness::eventually("the question", || {
        vault.requests().iter().any(|request| request.contains("secret/data"))
    });
    // It serves and answers meanwhile.
    assert_eq!(status(&bench)["generation"], 1);
    ends(running, &[KEY]);
}
