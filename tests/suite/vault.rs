//! keybearer-store and Vault: each login, each engine, each way in which it can fail.
//!
//! What a real server can do too is asked of the one of KEYBEARER_TEST_VAULT_ADDR where that is set: see
//! tests/vault-real.

mod canaries;
mod failures;
mod kv;
mod leases;
mod logins;
mod tokens;
mod writing;

use std::time::Duration;

use keybearer::config::{Remote, Vault, VaultMethod};
use keybearer::helper::{
    Answer, Change, Credential, Failure, Got, Held, Kind, Lease, Request, SourceRequest, Work,
    Write, Written,
};
use keybearer::secrets::Secret;

use crate::harness::{DEADLINE, VaultServer, ask_store, without_tries};

fn ask(work: Work) -> Answer {
    ask_store(&Request { within: DEADLINE, work }, &[])
}

fn fetch(source: SourceRequest) -> Result<Got, Failure> {
    one(fetched(ask(Work::Fetch(vec![source]))))
}

/// For what is asked again until there is no more time.
fn fetch_within(within: Duration, source: SourceRequest) -> Result<Got, Failure> {
    one(fetched(ask_store(&Request { within, work: Work::Fetch(vec![source]) }, &[])))
}

fn fetched(answer: Answer) -> Vec<Result<Got, Failure>> {
    match answer {
        Answer::Fetched(results) => results,
        other => panic!("{other:?}"),
    }
}

fn look(source: SourceRequest) -> Result<Option<String>, Failure> {
    match ask(Work::Look(vec![source])) {
        Answer::Looked(results) => one(results),
        other => panic!("{other:?}"),
    }
}

fn write(
    source: SourceRequest,
    version: &str,
    changes: &[(&str, Option<&str>)],
) -> Result<Written, Failure> {
    write_within(DEADLINE, source, version, changes)
}

fn write_within(
    within: Duration,
    source: SourceRequest,
    version: &str,
    changes: &[(&str, Option<&str>)],
) -> Result<Written, Failure> {
    let changes = changes.iter().map(|(name, value)| Change {
        name: (*name).to_owned(),
        value: value.map(|value| Secret::new(value.to_owned())),
    });
    let write = Write { source, changes: changes.collect(), version: version.to_owned() };
    match ask_store(&Request { within, work: Work::Write(Box::new(write)) }, &[]) {
        Answer::Written(result) => result,
        other => panic!("{other:?}"),
    }
}

fn renew(source: SourceRequest, lease: &Lease) -> Result<Lease, Failure> {
    match ask(Work::Renew(vec![held(source, lease)])) {
        Answer::Renewed(results) => one(results),
        other => panic!("{other:?}"),
    }
}

fn revoke(source: SourceRequest, lease: &Lease) -> Result<(), Failure> {
    match ask(Work::Revoke(vec![held(source, lease)])) {
        Answer::Revoked(results) => one(results),
        other => panic!("{other:?}"),
    }
}

fn held(source: SourceRequest, lease: &Lease) -> Held {
    Held { source, id: lease.id.clone(), seconds: lease.seconds }
}

fn one<T>(mut results: Vec<T>) -> T {
    assert_eq!(results.len(), 1);
    results.remove(0)
}

trait SourceExt {
    fn vault(self, change: impl FnOnce(&mut Vault)) -> Self;
    fn auth(self, method: VaultMethod, mount: &str) -> Self;
    fn with(self, credential: Credential, value: &str) -> Self;
    fn state(self, state: &Option<Secret>) -> Self;
}

impl SourceExt for SourceRequest {
    fn vault(mut self, change: impl FnOnce(&mut Vault)) -> Self {
        match &mut self.remote {
            Remote::Vault(vault) => change(vault),
            other => panic!("{other:?}"),
        }
        self
    }

    fn auth(mut self, method: VaultMethod, mount: &str) -> Self {
        self.credentials.retain(|(what, _)| *what != Credential::Token);
        self.vault(|vault| {
            vault.auth.method = method;
            vault.auth.mount = Some(mount.to_owned());
        })
    }

    /// Instead of the one it has.
    fn with(mut self, credential: Credential, value: &str) -> Self {
        self.credentials.retain(|(what, _)| *what != credential);
        self.credentials.push((credential, Secret::new(value.to_owned())));
        self
    }

    fn state(mut self, state: &Option<Secret>) -> Self {
        self.state = state.as_ref().map(Secret::duplicate);
        self
    }
}

/// What was left for the next helper.
fn token_of(got: &Got) -> String {
    let state: serde_json::Value =
        serde_json::from_str(got.state.as_ref().unwrap().expose()).unwrap();
    state["token"].as_str().unwrap().to_owned()
}

/// In the order in which the store gave them.
fn shown(entries: &[(String, Secret)]) -> Vec<(&str, &str)> {
    entries.iter().map(|(name, value)| (name.as_str(), value.expose())).collect()
}

/// `{at}` stands for the server's address.
#[track_caller]
fn expect_failure<T: std::fmt::Debug>(
    server: &VaultServer,
    result: Result<T, Failure>,
    kind: Kind,
    message: &str,
) {
    let failure = result.expect_err("it must fail");
    let said = without_tries(&failure.message).replace(server.address(), "{at}");
    assert_eq!((failure.kind, said.as_str()), (kind, message));
}
