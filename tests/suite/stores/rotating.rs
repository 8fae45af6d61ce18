//! A rotation in the store: from an operator's machine, with the operator's credentials.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Store, configured, ends, for_each_store, keybearer, serving, status};
use crate::harness::{Bench, KEY, eventually, key, once, proc};

for_each_store!(
    prepare_promote_retire,
    with_one_host_it_is_one_command,
    two_operators_promote_at_once,
    a_carried_key_is_written_back,
    a_carried_key_is_not_written_unasked,
    a_hup_makes_no_key_there,
    what_else_is_in_the_document_stays,
    a_generated_value,
    a_value_that_would_be_misread,
);

fn rotate(bench: &Bench, store: &Store<'_>, words: &[&str]) {
    let words: Vec<&str> = ["rotate", "--blind"].iter().chain(words).copied().collect();
    keybearer(bench, store, &words).run().expect_code(0).expect_nowhere(KEY);
}

fn adopt(bench: &Bench) {
    bench.keybearer(["reload", bench.name()]).run().expect_code(0);
}

fn prepare_promote_retire(bench: &Bench, store: &Store<'_>) {
    store.seed(&[("SECRET_KEY", KEY)]);
    let running = serving(bench, store, "", "[watch]\nevery = \"1h\"\n[keys]\ngrace = \"0s\"\n");
    rotate(bench, store, &["prepare"]);
    let next = text(&store.document()["SECRET_KEY_NEXT"]);
    adopt(bench);
    let environment = proc::environ(running.child_pid());
    assert_eq!(environment["SECRET_KEY"], KEY);
    assert_eq!(environment["SECRET_KEY_FALLBACKS"], next);

    // The time for everybody to have seen it is not over.
    let early = keybearer(bench, store, &["rotate", "--blind", "--due"]).run().expect_code(0);
    early.expect_nowhere(&next);
    assert_eq!(store.document()["SECRET_KEY"], KEY);
    rotate(bench, store, &["--now", "promote"]);
    let document = store.document();
    assert_eq!(document["SECRET_KEY"], next.as_str());
    assert_eq!(document["SECRET_KEY_FALLBACKS"], KEY);
    assert!(document.get("SECRET_KEY_NEXT").is_none(), "it is not staged any more");
    adopt(bench);
    assert_eq!(proc::environ(running.child_pid())["SECRET_KEY"], next);

    // Times are whole seconds.
    eventually("its time is over", || {
        rotate(bench, store, &["retire"]);
        store.document().get("SECRET_KEY_FALLBACKS").is_none()
    });
    ends(running, &[KEY, &next]);
}

fn with_one_host_it_is_one_command(bench: &Bench, store: &Store<'_>) {
    store.seed(&[("SECRET_KEY", KEY)]);
    let running = serving(bench, store, "", "[keys]\nhosts = 1\n");
    rotate(bench, store, &[]);
    let document = store.document();
    let new = text(&document["SECRET_KEY"]);
    assert_ne!(new, KEY);
    assert_eq!(document["SECRET_KEY_FALLBACKS"], KEY);
    let environment = proc::environ(running.child_pid());
    assert_eq!(environment["SECRET_KEY"], new);
    assert_eq!(environment["SECRET_KEY_FALLBACKS"], KEY);
    ends(running, &[KEY, &new]);
}

/// Under the store's own name for it, and in one hand-over.
fn a_generated_value(bench: &Bench, store: &Store<'_>) {
    let old = "an-old-one-of-24-letters";
    store.seed(&[("SECRET_KEY", KEY), ("staging", old)]);
    let schema =
        "unlisted = \"pass\"\n[STAGING_PASSWORD]\ntype = \"string\"\ngenerate = { length = 24 }\n";
    bench.file("schema.toml", schema, 0o644);
    let source = "rename = { STAGING_PASSWORD = \"staging\" }\n";
    let config = super::configured(bench, store, source, "");
    let schema = bench.path("schema.toml").display().to_string();
    let run = bench.keybearer(["run", "--schema", &schema, "--config"]).arg(config);
    let running = store.with_variables(bench, run).spawn();
    running.wait_for_line("serving");
    let words = ["rotate", "--schema", &schema, "--value", "STAGING_PASSWORD"];
    let outcome = keybearer(bench, store, &words).run().expect_code(0);
    let document = store.document();
    let new = text(&document["staging"]);
    assert!(new.len() == 24 && new != old, "{document}");
    assert_eq!(
        (document["SECRET_KEY"].as_str(), document.as_object().unwrap().len()),
        (Some(KEY), 2)
    );
    let outcome = outcome.expect_nowhere(&new).expect_nowhere(old);
    assert!(outcome.stdout.ends_with("\nother hosts have the old one until they look again\n"));
    assert_eq!(proc::environ(running.child_pid())["STAGING_PASSWORD"], new);
    ends(running, &[KEY, &new, old]);
}

/// In the login of a database the password has another name.
fn a_value_that_would_be_misread(bench: &Bench, store: &Store<'_>) {
    let login =
        [("username", "site"), ("password", "theirs"), ("host", "db"), ("engine", "postgres")];
    store.seed(&[&login[..], &[("SECRET_KEY", KEY)]].concat());
    let schema =
        "unlisted = \"pass\"\n[DB_PASSWORD]\ntype = \"string\"\ngenerate = { length = 24 }\n";
    bench.file("schema.toml", schema, 0o644);
    super::configured(bench, store, "", "");
    let before = store.document();
    let schema = bench.path("schema.toml").display().to_string();
    let words = ["rotate", "--schema", &schema, "--value", "DB_PASSWORD"];
    let outcome = keybearer(bench, store, &words).run().expect_code(78);
    outcome.expect_stderr_contains(
        "a DB_PASSWORD written there would not be read as that alone; give it a name of its own there: rename = { DB_PASSWORD = \"...\" }",
    );
    assert_eq!(store.document(), before);
}

/// One of them does it, and the other finds it done or is refused: one key, and none lost.
fn two_operators_promote_at_once(bench: &Bench, store: &Store<'_>) {
    store.seed(&[("SECRET_KEY", KEY)]);
    super::configured(bench, store, "", "");
    rotate(bench, store, &["prepare"]);
    let next = text(&store.document()["SECRET_KEY_NEXT"]);
    let promote = || keybearer(bench, store, &["rotate", "--blind", "--now", "promote"]).spawn();
    let both = [promote(), promote()];
    let codes: Vec<_> = both.into_iter().map(|one| one.wait().code).collect();
    assert!(codes.contains(&Some(0)), "{codes:?}");
    let document = store.document();
    assert_eq!(document["SECRET_KEY"], next.as_str());
    assert_eq!(document["SECRET_KEY_FALLBACKS"], KEY);
}

/// An operator has written another key: the one in use moves into the fallbacks, and into the document.
fn a_carried_key_is_written_back(bench: &Bench, store: &Store<'_>) {
    store.seed(&[("SECRET_KEY", KEY), ("OTHER", "stays")]);
    let running = serving(bench, store, "", "[keys]\nwrite-back = true\n");
    store.put(&[("SECRET_KEY", &key(1)), ("OTHER", "stays")]);
    running.signal(Signal::SIGHUP);
    running.wait_for_line("to the fallbacks of the document");
    let document = store.document();
    assert_eq!(document["SECRET_KEY_FALLBACKS"], KEY);
    assert_eq!(document["OTHER"], "stays");
    eventually("all of it is stored", || {
        status(bench)["key"]["carried"].as_array().is_some_and(Vec::is_empty)
    });
    ends(running, &[KEY, &key(1)]);
}

fn a_carried_key_is_not_written_unasked(bench: &Bench, store: &Store<'_>) {
    store.seed(&[("SECRET_KEY", KEY)]);
    let running = serving(bench, store, "", "");
    store.put(&[("SECRET_KEY", &key(1))]);
    running.signal(Signal::SIGHUP);
    let line = running.wait_for_line("is carried, not stored");
    assert!(line.contains("[keys] write-back is not true"), "{line}");
    assert!(store.document().get("SECRET_KEY_FALLBACKS").is_none());
    assert_eq!(status(bench)["key"]["carried"].as_array().unwrap().len(), 1);
    ends(running, &[KEY, &key(1)]);
}

/// Not even where an env file is there as well: other hosts may read the store.
fn a_hup_makes_no_key_there(bench: &Bench, store: &Store<'_>) {
    store.seed(&[("SECRET_KEY", KEY)]);
    bench.env_file("EMAIL_HOST=mail.example\n");
    let file = "[[source]]\ntype = \"env-file\"\npath = \"{dir}/site.env\"\n";
    let config = configured(bench, store, "", &format!("[keys]\non-hup = \"generate\"\n{file}"));
    let check = keybearer(bench, store, &["check"]).run().expect_code(78).expect_nowhere(KEY);
    assert!(
        check.stdout.contains("and on-hup = \"generate\" writes to env files alone"),
        "{check:?}"
    );
    let run = store.with_variables(bench, bench.keybearer(["run", "--config"]).arg(config)).run();
    let said = run.expect_code(78).expect_nowhere(KEY).stderr;
    let line = said.lines().last().unwrap();
    assert!(line.starts_with("keybearer: cannot write the key's document: it is in "), "{line}");
    assert!(line.contains(&format!("{}'", store.shown())), "{line}");
    let mend = ", and on-hup = \"generate\" writes to env files alone; leave on-hup out, and use keybearer rotate";
    assert!(line.ends_with(mend), "{line}");
    assert_eq!(store.document(), json!({ "SECRET_KEY": KEY }));
}

fn what_else_is_in_the_document_stays(bench: &Bench, store: &Store<'_>) {
    store.seed(&[("A", "1"), ("SECRET_KEY", KEY), ("Z", "a \"quoted\" ü")]);
    super::configured(bench, store, "", "");
    rotate(bench, store, &["prepare"]);
    let document = store.document();
    assert_eq!((&document["A"], &document["Z"]), (&"1".into(), &"a \"quoted\" ü".into()));
    rotate(bench, store, &["abort"]);
    assert!(store.document().get("SECRET_KEY_NEXT").is_none());
}

/// Nobody knows whether it was done, and the operator is told so.
#[test]
fn a_write_without_an_answer() {
    once!();
    let bench = Bench::new();
    let Some(store) = Store::vault(&bench) else { return };
    let Store::Vault(vault) = &store else { return };
    store.seed(&[("SECRET_KEY", KEY)]);
    configured(&bench, &store, "", "[fetch]\nwithin = \"3s\"\n");
    vault.fault("secret/data", 502, &json!({ "method": "POST" }));
    let prepare = || keybearer(&bench, &store, &["rotate", "--blind", "prepare"]).run();
    let said = prepare().expect_code(75).expect_nowhere(KEY).stderr;
    let not_known = "\nkeybearer: it is not known whether this was written: staged key ";
    assert!(said.contains(not_known), "{said}");
    let mend =
        " in Vault 'secret/example/prod'; look before you run it again: keybearer rotate --dry-run";
    assert!(said.lines().any(|line| line.ends_with(mend)), "{said}");
    assert!(said.contains("rotate: perhaps staged key "), "{said}");
    vault.no_fault();
    prepare().expect_code(0);
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
