//! The database engine: credentials that live by a lease.

use keybearer::config::Engine;
use keybearer::helper::{Credential, Kind, SourceRequest};
use serde_json::json;

use super::{SourceExt, expect_failure, fetch, look, renew, revoke, shown};
use crate::harness::{Bench, Invocation, Postgres, VaultServer, eventually, once, skip, unique};

fn source(server: &VaultServer) -> SourceRequest {
    server.source("database", "site").vault(|vault| vault.engine = Engine::Database)
}

#[test]
fn credentials_come_with_a_lease_that_is_renewed_and_revoked() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.database("database", None, 100, 150);
    let got = fetch(source(&server)).unwrap();
    let names: Vec<&str> = got.entries.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["password", "username"]);
    let lease = got.lease.unwrap();
    assert_eq!((lease.seconds, lease.renewable, got.version), (100, true, None));
    assert_eq!(server.leases(), [&*lease.id]);
    assert_eq!(look(source(&server)), Ok(None));
    let renewed = renew(source(&server), &lease).unwrap();
    assert_eq!((renewed.seconds, renewed.renewable, &renewed.id), (100, true, &lease.id));
    assert_eq!(revoke(source(&server), &lease), Ok(()));
    assert!(server.leases().is_empty());
    // What is gone is gone: no reason to complain.
    assert_eq!(revoke(source(&server), &lease), Ok(()));
    let message = "Vault 'database/site': {at} does not renew the lease (HTTP 400): it has ended; fetch new credentials";
    expect_failure(&server, renew(source(&server), &lease), Kind::Wrong, message);
}

/// It says how long there really is left, so that the supervisor can replace it in time.
#[test]
fn at_the_end_of_its_longest_life_a_lease_is_given_for_less() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.database("database", None, 3, 4);
    let lease = fetch(source(&server)).unwrap().lease.unwrap();
    assert_eq!(lease.seconds, 3);
    eventually("less than asked for", || match renew(source(&server), &lease) {
        Ok(renewed) => renewed.seconds < 3,
        Err(failure) => panic!("{failure:?}"),
    });
}

/// A lease dies with the token that asked for it.
#[test]
fn a_lease_is_promised_for_no_longer_than_its_token() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.database("database", None, 1000, 2000);
    let creds: (&str, &[&str]) = ("database/creds/site", &["read"]);
    let asked = |more| {
        let token = server.token(&more, &[creds]);
        let got = fetch(source(&server).with(Credential::Token, &token)).unwrap();
        (token, got.lease.unwrap())
    };
    // What can be renewed is renewed for its sake.
    let (_, lease) = asked(json!({ "period": "1000s" }));
    assert!((990..=1000).contains(&lease.seconds) && lease.renewable, "{lease:?}");
    let (token, lease) = asked(json!({ "ttl": "12s", "explicit_max_ttl": "12s" }));
    assert!(lease.seconds <= 12 && lease.renewable, "{lease:?}");
    eventually("the end of the token's longest life is told", || {
        let renewed = renew(source(&server).with(Credential::Token, &token), &lease).unwrap();
        assert!(renewed.seconds <= 12);
        !renewed.renewable
    });
}

/// Each answer is a database user: one that was lost is not asked for again.
#[test]
fn a_lost_answer_leaves_one_user_and_no_more() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.database("database", None, 100, 150);
    server.fault("database/creds", 502, &json!({ "after": true, "times": 1 }));
    let message = "Vault 'database/site': {at} fails (HTTP 502)";
    expect_failure(&server, fetch(source(&server)), Kind::Unreachable, message);
    assert_eq!(server.leases().len(), 1);
    // Who says that he has done nothing is asked again.
    for (made, fault) in [(2, 429), (3, 503), (4, 412)] {
        server.fault("database/creds", fault, &json!({ "times": 1 }));
        assert!(fetch(source(&server)).is_ok(), "{fault}");
        assert_eq!(server.leases().len(), made, "{fault}");
    }
}

#[test]
fn refusals_name_the_path() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.database("database", None, 100, 150);
    let lease = fetch(source(&server)).unwrap().lease.unwrap();
    let token = server.token(&json!({}), &[]);
    let poor = || source(&server).with(Credential::Token, &token);
    expect_failure(
        &server,
        fetch(poor()),
        Kind::Refused,
        "Vault 'database/site': {at} refuses credentials (HTTP 403); the token may have ended, or its policies lack read on 'database/creds/site'",
    );
    expect_failure(
        &server,
        revoke(poor(), &lease),
        Kind::Refused,
        "Vault 'database/site': {at} refuses to revoke the lease (HTTP 403), which ends by itself; the token may have ended, or its policies lack update on 'sys/leases/revoke'",
    );
    let other = source(&server).vault(|vault| vault.path = "nobody".to_owned());
    expect_failure(
        &server,
        fetch(other),
        Kind::Wrong,
        "Vault 'database/nobody': {at} makes no credentials (HTTP 400); check mount and path, which is the name of a role of the database engine",
    );
}

#[test]
fn with_a_real_postgresql_they_open_it_until_they_are_revoked() {
    once!();
    let bench = Bench::new();
    let Some(postgres) = Postgres::new(&bench, "x") else { return };
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let mount = unique("database");
    if !server.at_postgres(&mount, &postgres, 100, 150) {
        return skip("needs a Vault that reaches this machine's PostgreSQL");
    }
    let source = || source(&server).vault(|vault| vault.mount.clone_from(&mount));
    let got = fetch(source()).unwrap();
    let entries = shown(&got.entries);
    let [("password", password), ("username", user)] = entries[..] else { panic!("{entries:?}") };
    let port = postgres.port().to_string();
    let opened = || {
        let psql: Invocation<'_> = bench.program(postgres.psql()).by_site();
        let psql = psql.env("PGPASSWORD", password).args(["-h", "127.0.0.1", "-p", &port]);
        psql.args(["-U", user, "-d", "site", "-Atc", "SELECT current_user"]).run()
    };
    opened().expect_code(0).expect_stdout("site");
    let lease = got.lease.unwrap();
    assert_eq!((lease.seconds, lease.renewable), (100, true));
    let renewed = renew(source(), &lease).unwrap();
    assert_eq!((renewed.seconds, renewed.renewable, &renewed.id), (100, true, &lease.id));
    opened().expect_code(0).expect_stdout("site");
    assert_eq!(revoke(source(), &lease), Ok(()));
    opened().expect_code(2);
    // What is gone is gone: no reason to complain, and nothing to renew.
    assert_eq!(revoke(source(), &lease), Ok(()));
    let message = format!(
        "Vault '{mount}/site': {{at}} does not renew the lease (HTTP 400): it has ended; fetch new credentials"
    );
    expect_failure(&server, renew(source(), &lease), Kind::Wrong, &message);
}
