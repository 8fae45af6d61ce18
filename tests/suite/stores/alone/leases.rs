//! Credentials that a store gives for a time, and a password that changes: the site is served on.

use std::time::{Duration, Instant};

use super::{Store, keybearer};
use crate::harness::load::{Load, Mix};
use crate::harness::{
    Bench, KEY, Listen, Mode, Postgres, Running, TestSite, VaultServer, Worker, eventually, once,
    proc, show,
};

/// Under load for so long; leases live for so many seconds, and at most for so many.
const UNDER_LOAD: Duration = Duration::from_secs(120);
const TTL: u64 = 10;
const MAX_TTL: u64 = 28;

const PASSWORD: &str = "the-owner's-password";

/// The site of tests/site/plain.py, which asks its database at every small page.
fn start(
    bench: &Bench,
    store: &Store<'_>,
    site: &TestSite<'_>,
    postgres: &Postgres<'_>,
    more: &str,
) -> Running {
    bench.env_file(&format!("DB_HOST=127.0.0.1\nDB_PORT={}\nDB_NAME=site\n", postgres.port()));
    let user = if Mode::current().is_root() { "user = \"{user}\"\n" } else { "" };
    let source = store.source(bench, "");
    bench.config(&format!(
        "command = {:?}\n{user}directory = {:?}\n\
         [[source]]\ntype = \"env-file\"\npath = \"{{dir}}/site.env\"\n{source}{more}\n\
         [server]\nkind = \"gunicorn\"\n[ready]\npath = \"/healthz\"\n\
         [listen]\nsockets = [{:?}]\n",
        site.command(),
        site.directory(),
        site.address(),
    ));
    let running = keybearer(bench, store, &["run"]).spawn();
    running.wait_for_line("serving");
    running
}

fn database_source(bench: &Bench, vault: &VaultServer) -> String {
    format!(
        "[[source]]\ntype = \"vault\"\naddress = \"{}\"\nmount = \"database\"\n\
         path = \"site\"\nengine = \"database\"\nca-file = {:?}\n",
        vault.address(),
        bench.path("store-ca.pem"),
    )
}

/// A server that does nothing, with a key from one source and a login from the other.
#[track_caller]
fn with_a_login(bench: &Bench, store: &Store<'_>, vault: &VaultServer) -> Running {
    store.seed(&[("SECRET_KEY", KEY)]);
    let user = if Mode::current().is_root() { "user = \"{user}\"\n" } else { "" };
    let source = store.source(bench, "");
    bench.config(&format!(
        "command = [\"/bin/sh\", \"-c\", \"sleep 1000; :\"]\n{user}schema = \"{{dir}}/keybearer.schema.toml\"\n{source}{}[ready]\nsettle = \"100ms\"\n",
        database_source(bench, vault)
    ));
    bench.schema("unlisted = \"pass\"\n[SECRET_KEY]\ntype = \"django-secret-key\"\n");
    let running = keybearer(bench, store, &["run"]).spawn();
    running.wait_for_line("serving");
    running
}

#[test]
fn the_site_outlives_its_leases() {
    once!();
    let bench = Bench::new();
    let Some(site) = TestSite::plain(&bench, Worker::Sync, Listen::Unix) else { return };
    let Some(postgres) = Postgres::new(&bench, PASSWORD) else { return };
    let Some(store) = Store::vault(&bench) else { return };
    let Store::Vault(vault) = &store else { return };
    vault.with_postgres(&postgres, TTL, MAX_TTL);
    store.seed(&[("SECRET_KEY", KEY)]);
    let running = start(&bench, &store, &site, &postgres, &database_source(&bench, vault));
    let load = Load::start(site.target(), Mix::GENTLE);
    let until = Instant::now() + UNDER_LOAD;
    while Instant::now() < until {
        load.progress(20);
        // The one in use, the one that comes or goes, and one that is being revoked.
        let leases = vault.leases();
        assert!((1..=3).contains(&leases.len()), "{leases:?}");
    }
    load.progress_of_all();
    let figures = load.stop();
    show(&figures.sums());
    figures.expect_none_failed();
    // None lives for longer than that.
    let least = UNDER_LOAD.as_secs() / MAX_TTL;
    assert!(figures.masters.len() as u64 >= least, "{figures}");
    running.signal(nix::sys::signal::Signal::SIGTERM);
    running.wait().expect_code(0).expect_nowhere(KEY);
    assert_eq!(vault.leases(), [""; 0], "all of them are revoked");
}

/// The round in which nothing else has changed makes no new login.
#[test]
fn a_lease_that_is_good_is_used_again() {
    let bench = Bench::new();
    let Some(store) = Store::vault(&bench) else { return };
    let Store::Vault(vault) = &store else { return };
    vault.database("database", None, 3600, 3600);
    let running = with_a_login(&bench, &store, vault);
    let first = vault.leases();
    assert_eq!(first.len(), 1);
    let login = proc::environ(running.child_pid())["DB_USER"].clone();
    let reload = bench.keybearer(["reload", bench.name()]).run().expect_code(0);
    assert!(reload.stdout.contains("nothing changed"), "{}", reload.stdout);
    assert_eq!(vault.leases(), first);
    let until = &super::status(&bench)["sources"][1]["lease-until"];
    assert!(until.as_str().is_some_and(|until| until.starts_with("20")), "{until}");

    // What a check was given goes back at once.
    keybearer(&bench, &store, &["check"]).run().expect_code(0);
    assert_eq!(vault.leases(), first);

    store.put(&[("SECRET_KEY", KEY), ("MORE", "1")]);
    bench.keybearer(["reload", bench.name()]).run().expect_code(0);
    let environment = proc::environ(running.child_pid());
    assert_eq!((&environment["DB_USER"], &environment["MORE"]), (&login, &"1".to_owned()));
    super::ends(running, &[KEY]);
    assert_eq!(vault.leases(), [""; 0]);
}

/// Somebody has revoked it: the site is given another one.
#[test]
fn a_lease_that_is_gone_is_replaced() {
    let bench = Bench::new();
    let Some(store) = Store::vault(&bench) else { return };
    let Store::Vault(vault) = &store else { return };
    vault.database("database", None, 6, 3600);
    let running = with_a_login(&bench, &store, vault);
    let first = proc::environ(running.child_pid())["DB_USER"].clone();
    let lease = vault.leases().remove(0);
    vault.said("PUT", "sys/leases/revoke", &[], &serde_json::json!({ "lease_id": lease }));
    running.wait_for_line("a lease that ends");
    eventually("another login", || match running.child_pids()[..] {
        [child] => proc::variable(child, "DB_USER").is_some_and(|user| user != first),
        _ => false,
    });
    super::ends(running, &[KEY]);
    assert_eq!(vault.leases(), [""; 0]);
}

/// In PostgreSQL and in the store: those who are connected stay so, and the next generation has the new
/// one.
#[test]
fn a_password_that_changes_costs_no_request() {
    once!();
    let bench = Bench::new();
    let Some(site) = TestSite::plain(&bench, Worker::Sync, Listen::Unix) else { return };
    let Some(postgres) = Postgres::new(&bench, PASSWORD) else { return };
    let Some(store) = Store::aws(&bench) else { return };
    let fields = |password: &'static str| {
        [
            ("SECRET_KEY", KEY),
            ("DB_USER", "site"),
            ("DB_PASSWORD", password),
            ("CONNECTIONS", "kept"),
        ]
    };
    store.seed(&fields(PASSWORD));
    let running = start(&bench, &store, &site, &postgres, "");
    let load = Load::start(site.target(), Mix::GENTLE);
    load.progress(20);
    postgres.sql("ALTER ROLE site PASSWORD 'another password'");
    store.put(&fields("another password"));
    load.progress(20);
    bench.keybearer(["reload", bench.name()]).run().expect_code(0);
    load.progress_of_all();
    let figures = load.stop();
    figures.expect_none_failed().expect_masters(2);
    running.signal(nix::sys::signal::Signal::SIGTERM);
    running.wait().expect_code(0).expect_nowhere("another password");
}
