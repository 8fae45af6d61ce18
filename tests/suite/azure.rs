//! keybearer-store and Azure Key Vault: each way to a token, reading and writing, each way in which it can
//! fail.

mod canaries;
mod credentials;
mod failing;
mod reading;
mod writing;

use std::fmt::Debug;
use std::time::Duration;

use keybearer::config::{AzureSecret, Remote};
use keybearer::helper::{
    Answer, Change, Credential, Failure, Got, Kind, Request, SourceRequest, Work, Write, Written,
};
use keybearer::secrets::Secret;
use serde_json::{Value, json};

use crate::harness::{Bench, CloudServer, DEADLINE, ask_store, with, without_tries};

/// Long enough for an answer on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(3);

struct Azure(CloudServer);

impl Azure {
    fn new(bench: &Bench) -> Option<Azure> {
        CloudServer::new(bench, "azure").map(Azure)
    }

    /// The next version of the secret `site`, and its id.
    fn seed(&self, text: &str) -> String {
        self.seed_with(text, &json!({}))
    }

    /// With content_type, tags and attributes.
    fn seed_with(&self, text: &str, more: &Value) -> String {
        let mut body = json!({ "name": "site", "text": text });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.0.switch("seed", &body).as_str().unwrap().to_owned()
    }

    /// Every version as it is kept, the newest last.
    fn versions(&self) -> Vec<Value> {
        self.0.switch("versions", &json!("site")).as_array().unwrap().clone()
    }

    /// Asked with the client's secret.
    fn source(&self, change: impl FnOnce(&mut AzureSecret)) -> SourceRequest {
        let mut azure = AzureSecret {
            vault: self.0.address(),
            secret: "site".to_owned(),
            tenant: Some(self.0.word("tenant").to_owned()),
            client_id: Some(self.0.word("client_id").to_owned()),
            ..AzureSecret::default()
        };
        change(&mut azure);
        let source = SourceRequest {
            remote: Remote::AzureSecret(azure),
            credentials: vec![self.0.ca_credential()],
            state: None,
            history: Vec::new(),
        };
        with(source, Credential::ClientSecret, self.0.word("client_secret"))
    }

    fn plain(&self) -> SourceRequest {
        self.source(|_| {})
    }

    fn ask(&self, within: Duration, work: Work) -> Answer {
        let variables = [("AZURE_AUTHORITY_HOST", &*self.0.address())];
        ask_store(&Request { within, work }, &variables)
    }

    fn fetch(&self, source: SourceRequest) -> Result<Got, Failure> {
        self.fetch_within(DEADLINE, source)
    }

    fn fetch_within(&self, within: Duration, source: SourceRequest) -> Result<Got, Failure> {
        match self.ask(within, Work::Fetch(vec![source])) {
            Answer::Fetched(mut results) => results.remove(0),
            other => panic!("{other:?}"),
        }
    }

    fn look(&self, source: SourceRequest) -> Result<Option<String>, Failure> {
        match self.ask(DEADLINE, Work::Look(vec![source])) {
            Answer::Looked(mut results) => results.remove(0),
            other => panic!("{other:?}"),
        }
    }

    fn write(
        &self,
        source: SourceRequest,
        version: &str,
        changes: &[(&str, Option<&str>)],
    ) -> Result<Written, Failure> {
        let changes = changes.iter().map(|(name, value)| Change {
            name: (*name).to_owned(),
            value: value.map(|value| Secret::new(value.to_owned())),
        });
        let write = Write { source, changes: changes.collect(), version: version.to_owned() };
        match self.ask(DEADLINE, Work::Write(Box::new(write))) {
            Answer::Written(result) => result,
            other => panic!("{other:?}"),
        }
    }

    /// What messages begin with.
    fn of(&self) -> String {
        let host = self.0.address();
        format!("Azure secret '{}/site'", host.trim_start_matches("https://"))
    }

    /// What follows that. `{at}` stands for the server's address.
    #[track_caller]
    fn fails<T: Debug>(&self, result: Result<T, Failure>, kind: Kind, message: &str) {
        let failure = result.expect_err("it must fail");
        let said = without_tries(&failure.message).replace(&self.0.address(), "{at}");
        let said = said.replace(&self.0.plain_address(), "{plain}");
        assert_eq!((failure.kind, said), (kind, format!("{}: {message}", self.of())));
    }
}

fn shown(entries: &[(String, Secret)]) -> Vec<(&str, &str)> {
    entries.iter().map(|(name, value)| (name.as_str(), value.expose())).collect()
}
