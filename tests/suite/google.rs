//! keybearer-store and Google Secret Manager: each way to a token, reading and writing, each way in which it
//! can fail.

mod canaries;
mod credentials;
mod failing;
mod reading;
mod writing;

use std::fmt::Debug;
use std::time::Duration;

use keybearer::config::{GoogleSecret, Remote};
use keybearer::helper::{
    Answer, Change, Credential, Failure, Got, Kind, Request, SourceRequest, Work, Write, Written,
};
use keybearer::secrets::Secret;
use serde_json::{Value, json};

use crate::harness::{Bench, CloudServer, DEADLINE, ask_store, with, without_tries};

/// Long enough for an answer on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(3);

struct Google(CloudServer);

impl Google {
    fn new(bench: &Bench) -> Option<Google> {
        CloudServer::new(bench, "google").map(Google)
    }

    /// The next version of the secret `site`.
    fn seed(&self, text: &str) {
        self.0.switch("seed", &json!({ "name": "site", "text": text }));
    }

    /// What every version holds, and its state.
    fn versions(&self) -> Value {
        self.0.switch("versions", &json!("site"))
    }

    /// Asked with the service account's key.
    fn source(&self, change: impl FnOnce(&mut GoogleSecret)) -> SourceRequest {
        let mut google = GoogleSecret {
            project: "example".to_owned(),
            secret: "site".to_owned(),
            endpoint: Some(self.0.address()),
            ..GoogleSecret::default()
        };
        change(&mut google);
        let source = SourceRequest {
            remote: Remote::GoogleSecret(google),
            credentials: vec![self.0.ca_credential()],
            state: None,
            history: Vec::new(),
        };
        self.as_account(source, "service_account")
    }

    fn plain(&self) -> SourceRequest {
        self.source(|_| {})
    }

    fn as_account(&self, source: SourceRequest, account: &str) -> SourceRequest {
        with(source, Credential::CredentialsFile, &self.0.said(account).to_string())
    }

    /// `{at}` stands for the server's address.
    #[track_caller]
    fn fails<T: Debug>(&self, result: Result<T, Failure>, kind: Kind, message: &str) {
        let failure = result.expect_err("it must fail");
        let said = without_tries(&failure.message).replace(&self.0.address(), "{at}");
        let said = said.replace(&self.0.plain_address(), "{plain}");
        assert_eq!((failure.kind, said.as_str()), (kind, message));
    }
}

fn fetch(source: SourceRequest) -> Result<Got, Failure> {
    fetch_with(source, DEADLINE, &[])
}

fn fetch_with(
    source: SourceRequest,
    within: Duration,
    variables: &[(&str, &str)],
) -> Result<Got, Failure> {
    match ask_store(&Request { within, work: Work::Fetch(vec![source]) }, variables) {
        Answer::Fetched(mut results) => results.remove(0),
        other => panic!("{other:?}"),
    }
}

fn look(source: SourceRequest) -> Result<Option<String>, Failure> {
    let work = Work::Look(vec![source]);
    match ask_store(&Request { within: DEADLINE, work }, &[]) {
        Answer::Looked(mut results) => results.remove(0),
        other => panic!("{other:?}"),
    }
}

fn write(
    source: SourceRequest,
    version: &str,
    changes: &[(&str, Option<&str>)],
) -> Result<Written, Failure> {
    let changes = changes.iter().map(|(name, value)| Change {
        name: (*name).to_owned(),
        value: value.map(|value| Secret::new(value.to_owned())),
    });
    let write = Write { source, changes: changes.collect(), version: version.to_owned() };
    let work = Work::Write(Box::new(write));
    match ask_store(&Request { within: DEADLINE, work }, &[]) {
        Answer::Written(result) => result,
        other => panic!("{other:?}"),
    }
}

fn shown(entries: &[(String, Secret)]) -> Vec<(&str, &str)> {
    entries.iter().map(|(name, value)| (name.as_str(), value.expose())).collect()
}
