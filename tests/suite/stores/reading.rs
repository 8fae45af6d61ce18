//! What the site gets of a store, and what it does not.

use nix::sys::signal::Signal;

use super::{Store, ends, for_each_store, keybearer, serving, status};
use crate::harness::{Bench, KEY, eventually, key, proc, requires_root_tests};
use crate::memory::copies;

for_each_store!(
    the_key_comes_from_the_store_and_the_credentials_stay_outside,
    exec_and_check_ask_it_too,
    a_changed_document_is_taken_over,
    a_new_version_is_seen,
    a_version_that_came_to_nothing_is_tried_again,
    the_history_gives_fallbacks,
    a_document_may_call_things_otherwise,
    a_secret_is_in_memory_as_often_as_it_must_be,
);

fn the_key_comes_from_the_store_and_the_credentials_stay_outside(bench: &Bench, store: &Store<'_>) {
    store.seed(&[("SECRET_KEY", KEY), ("EMAIL_HOST", "mail.example")]);
    let running = serving(bench, store, "", "");
    let environment = proc::environ(running.child_pid());
    assert_eq!(environment["SECRET_KEY"], KEY);
    assert_eq!(environment["EMAIL_HOST"], "mail.example");
    for (name, _) in store.variables(bench) {
        let is_credential =
            ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "VAULT_TOKEN", "AZURE_CLIENT_SECRET"];
        assert!(!is_credential.contains(&name) || !environment.contains_key(name), "{name}");
    }
    let source = &status(bench)["sources"][0];
    assert!(!source["version"].as_str().unwrap().is_empty(), "{source}");
    ends(running, &[KEY]);
}

/// Once, for what runs; and not at all when it runs no more.
fn a_secret_is_in_memory_as_often_as_it_must_be(bench: &Bench, store: &Store<'_>) {
    requires_root_tests!();
    let [first, second] = ["canary-of-the-first-fetch", "canary-of-the-second"];
    store.seed(&[("SECRET_KEY", KEY), ("EMAIL_HOST_PASSWORD", first)]);
    let running = serving(bench, store, "", "");
    eventually("it is there once", || copies(running.pid(), first) == 1);
    store.put(&[("SECRET_KEY", KEY), ("EMAIL_HOST_PASSWORD", second)]);
    bench.keybearer(["reload", bench.name()]).run().expect_code(0);
    eventually("the one before is gone", || {
        (copies(running.pid(), first), copies(running.pid(), second)) == (0, 1)
    });
    ends(running, &[KEY, first, second]);
}

fn exec_and_check_ask_it_too(bench: &Bench, store: &Store<'_>) {
    store.seed(&[("SECRET_KEY", KEY)]);
    ends(serving(bench, store, "", ""), &[KEY]);
    let exec = keybearer(bench, store, &["exec"]).args(["--", "/usr/bin/env", "-0"]);
    let environment = exec.run().expect_code(0).environment();
    assert_eq!(environment["SECRET_KEY"], KEY);
    let check = keybearer(bench, store, &["check"]).run().expect_code(0).expect_nowhere(KEY);
    assert!(check.stdout.contains(&store.shown()), "{}", check.stdout);
}

fn a_changed_document_is_taken_over(bench: &Bench, store: &Store<'_>) {
    store.seed(&[("SECRET_KEY", KEY), ("EMAIL_PASSWORD", "old")]);
    let running = serving(bench, store, "", "");
    store.put(&[("SECRET_KEY", &key(1)), ("EMAIL_PASSWORD", "new")]);
    bench.keybearer(["reload", bench.name()]).run().expect_code(0).expect_nowhere("new\"");
    let environment = proc::environ(running.child_pid());
    assert_eq!(environment["SECRET_KEY"], key(1));
    assert_eq!(environment["SECRET_KEY_FALLBACKS"], KEY);
    assert_eq!(environment["EMAIL_PASSWORD"], "new");
    // Nothing has changed since.
    let reload = bench.keybearer(["reload", bench.name()]).run().expect_code(0);
    assert!(reload.stdout.contains("nothing changed"), "{}", reload.stdout);
    ends(running, &[KEY, &key(1)]);
}

fn a_new_version_is_seen(bench: &Bench, store: &Store<'_>) {
    store.seed(&[("SECRET_KEY", KEY)]);
    let running = serving(bench, store, "", "[watch]\nevery = \"1s\"\n");
    store.put(&[("SECRET_KEY", KEY), ("SEEN", "1")]);
    eventually("the new version", || {
        let child = running.child_pids();
        child.len() == 1 && proc::variable(child[0], "SEEN").as_deref() == Some("1")
    });
    ends(running, &[KEY]);
}

/// It is no other version when what was in its way is mended.
fn a_version_that_came_to_nothing_is_tried_again(bench: &Bench, store: &Store<'_>) {
    store.seed(&[("SECRET_KEY", KEY)]);
    let open = bench.file("open", "", 0o644);
    let gate = format!("[reload]\nbefore = [[\"/usr/bin/test\", \"-e\", {open:?}]]\n");
    let running = serving(bench, store, "", &format!("[watch]\nevery = \"1s\"\n{gate}"));
    let version = || status(bench)["sources"][0]["version"].clone();
    let first = version();
    std::fs::remove_file(&open).unwrap();
    store.put(&[("SECRET_KEY", KEY), ("SEEN", "1")]);
    running.wait_for_line("the 'before' command 1 failed");
    assert_eq!(version(), first, "what is shown is what runs");
    bench.file("open", "", 0o644);
    running.wait_for_line("took over");
    assert_eq!(proc::variable(running.child_pid(), "SEEN").as_deref(), Some("1"));
    assert_ne!(version(), first);
    ends(running, &[KEY]);
}

fn the_history_gives_fallbacks(bench: &Bench, store: &Store<'_>) {
    store.seed(&[("SECRET_KEY", &key(1))]);
    store.put(&[("SECRET_KEY", KEY)]);
    let running = serving(bench, store, "", "[keys]\nhistory = true\n");
    let environment = proc::environ(running.child_pid());
    assert_eq!(environment["SECRET_KEY"], KEY);
    assert_eq!(environment["SECRET_KEY_FALLBACKS"], key(1));
    ends(running, &[KEY, &key(1)]);
}

fn a_document_may_call_things_otherwise(bench: &Bench, store: &Store<'_>) {
    store.seed(&[("django-secret", KEY), ("APP_MODE", "live"), ("other", "no")]);
    let source =
        "rename = { SECRET_KEY = \"django-secret\" }\nonly = [\"SECRET_KEY\", \"APP_MODE\"]";
    let running = serving(bench, store, source, "");
    let environment = proc::environ(running.child_pid());
    assert_eq!(environment["SECRET_KEY"], KEY);
    assert_eq!(environment["APP_MODE"], "live");
    assert!(!environment.contains_key("other"));
    // It is honoured in writing too.
    keybearer(bench, store, &["rotate", "--blind", "prepare"]).run().expect_code(0);
    let document = store.document();
    assert_eq!(document["django-secret"], KEY);
    assert_eq!(document["other"], "no");
    let staged = document["SECRET_KEY_NEXT"].as_str().unwrap().to_owned();
    running.signal(Signal::SIGHUP);
    running.wait_for_line("took over");
    ends(running, &[KEY, &staged]);
}
