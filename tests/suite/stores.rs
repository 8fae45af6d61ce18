//! A site whose key is in a store: started from it, rotated in it, and served on without it.

mod alone;
mod reading;
mod rotating;
mod without;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::{Bench, CloudServer, Invocation, Mode, Moto, Running, VaultServer};

/// Where the document is.
pub enum Store<'a> {
    Aws(Moto<'a>),
    Vault(VaultServer),
    Google(CloudServer),
    Azure(CloudServer),
}

pub const NAME: &str = "example/prod";

impl<'a> Store<'a> {
    pub fn aws(bench: &'a Bench) -> Option<Store<'a>> {
        Moto::new(bench).map(Store::Aws)
    }

    pub fn vault(bench: &'a Bench) -> Option<Store<'a>> {
        VaultServer::new(bench).map(Store::Vault)
    }

    pub fn google(bench: &'a Bench) -> Option<Store<'a>> {
        CloudServer::new(bench, "google").map(Store::Google)
    }

    pub fn azure(bench: &'a Bench) -> Option<Store<'a>> {
        CloudServer::new(bench, "azure").map(Store::Azure)
    }

    /// As messages name the document.
    pub fn shown(&self) -> String {
        match self {
            Store::Aws(_) | Store::Vault(_) | Store::Google(_) => NAME.to_owned(),
            Store::Azure(azure) => format!("{}/prod", azure.address().replace("https://", "")),
        }
    }

    /// The document's first version.
    pub fn seed(&self, fields: &[(&str, &str)]) {
        match self {
            Store::Aws(moto) => drop(moto.create(NAME, &object(fields).to_string())),
            Store::Vault(vault) => vault.seed(NAME, fields),
            Store::Google(cloud) | Store::Azure(cloud) => next_version(cloud, fields),
        }
    }

    /// Its next version, written by somebody else.
    pub fn put(&self, fields: &[(&str, &str)]) {
        match self {
            Store::Aws(moto) => drop(moto.put(NAME, &object(fields).to_string())),
            Store::Vault(vault) => vault.seed(NAME, fields),
            Store::Google(cloud) | Store::Azure(cloud) => next_version(cloud, fields),
        }
    }

    pub fn document(&self) -> Value {
        match self {
            Store::Aws(moto) => serde_json::from_str(&moto.value(NAME, "AWSCURRENT")).unwrap(),
            Store::Vault(vault) => vault.document(NAME),
            Store::Google(cloud) => {
                let versions = cloud.switch("versions", &json!("prod"));
                let newest = versions.as_array().unwrap().last().unwrap();
                serde_json::from_str(newest[0].as_str().unwrap()).unwrap()
            }
            Store::Azure(cloud) => {
                let versions = cloud.switch("versions", &json!("prod"));
                let newest = versions.as_array().unwrap().last().unwrap();
                serde_json::from_str(newest["value"].as_str().unwrap()).unwrap()
            }
        }
    }

    /// `[[source]]`, with what goes on in it.
    pub fn source(&self, bench: &Bench, more: &str) -> String {
        match self {
            Store::Aws(moto) => format!(
                "[[source]]\ntype = \"aws-secrets-manager\"\nsecret = \"{NAME}\"\n\
                 region = \"eu-west-1\"\nendpoint = \"{}\"\nca-file = {:?}\n{more}\n",
                moto.url(),
                readable(bench, moto.ca()),
            ),
            Store::Vault(vault) => format!(
                "[[source]]\ntype = \"vault\"\naddress = \"{}\"\nmount = \"secret\"\n\
                 path = \"{NAME}\"\nca-file = {:?}\n{more}\n",
                vault.address(),
                readable(bench, vault.ca().to_owned()),
            ),
            Store::Google(google) => format!(
                "[[source]]\ntype = \"google-secret-manager\"\nproject = \"example\"\n\
                 secret = \"prod\"\nendpoint = \"{}\"\nca-file = {:?}\n{more}\n",
                google.address(),
                readable(bench, google.ca()),
            ),
            Store::Azure(azure) => format!(
                "[[source]]\ntype = \"azure-key-vault\"\nvault = \"{}\"\nsecret = \"prod\"\n\
                 tenant = \"{}\"\nclient-id = \"{}\"\nca-file = {:?}\n{more}\n",
                azure.address(),
                azure.word("tenant"),
                azure.word("client_id"),
                readable(bench, azure.ca()),
            ),
        }
    }

    /// What whoever asks it has in his environment.
    pub fn variables(&self, bench: &Bench) -> Vec<(&'static str, String)> {
        let mut variables = match self {
            Store::Aws(moto) => moto.variables(),
            Store::Vault(vault) => vec![("VAULT_TOKEN", vault.root_token().to_owned())],
            Store::Google(google) => {
                let account = google.said("service_account").to_string();
                let file = bench.path("google.json");
                if !file.exists() {
                    bench.file("google.json", account, 0o600);
                }
                vec![("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap().to_owned())]
            }
            Store::Azure(azure) => vec![
                ("AZURE_AUTHORITY_HOST", azure.address()),
                ("AZURE_CLIENT_SECRET", azure.word("client_secret").to_owned()),
            ],
        };
        variables.push(("AWS_EC2_METADATA_DISABLED", "true".to_owned()));
        variables
    }

    pub fn with_variables<'b>(&self, bench: &Bench, invocation: Invocation<'b>) -> Invocation<'b> {
        self.variables(bench).into_iter().fold(invocation, |it, (name, value)| it.env(name, value))
    }
}

/// A copy that keybearer takes: of whoever it runs as.
fn readable(bench: &Bench, ca: PathBuf) -> PathBuf {
    let text = std::fs::read(ca).unwrap();
    bench.file("store-ca.pem", text, 0o644)
}

fn next_version(cloud: &CloudServer, fields: &[(&str, &str)]) {
    cloud.switch("seed", &json!({ "name": "prod", "text": object(fields).to_string() }));
}

fn object(fields: &[(&str, &str)]) -> Value {
    fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}

/// A server that does nothing: what it is started with is what counts.
const SERVER: &str = "command = [\"/bin/sh\", \"-c\", \"echo ready; sleep 1000; :\"]\n";
const SETTLE: &str = "[ready]\nsettle = \"100ms\"\n";

/// The config of a site that reads this store, with more tables.
pub fn configured(bench: &Bench, store: &Store<'_>, source: &str, more: &str) -> PathBuf {
    let user = if Mode::current().is_root() { "user = \"{user}\"\n" } else { "" };
    let source = store.source(bench, source);
    bench.config(&format!("{SERVER}{user}{source}{SETTLE}{more}"))
}

/// It serves.
#[track_caller]
pub fn serving(bench: &Bench, store: &Store<'_>, source: &str, more: &str) -> Running {
    let config = configured(bench, store, source, more);
    let run = store.with_variables(bench, bench.keybearer(["run", "--config"]).arg(config)).spawn();
    run.wait_for_line("serving");
    run
}

pub fn keybearer<'a>(bench: &'a Bench, store: &Store<'_>, words: &[&str]) -> Invocation<'a> {
    let invocation = bench.keybearer(words).arg("--config").arg(bench.path("site.toml"));
    store.with_variables(bench, invocation)
}

#[track_caller]
pub fn status(bench: &Bench) -> Value {
    let said = bench.keybearer(["status", bench.name(), "--json"]).run().expect_code(0).stdout;
    serde_json::from_str(&said).unwrap()
}

#[track_caller]
pub fn ends(running: Running, secrets: &[&str]) {
    running.signal(nix::sys::signal::Signal::SIGTERM);
    let mut outcome = running.wait().expect_code(143);
    for secret in secrets {
        outcome = outcome.expect_nowhere(secret);
    }
}

/// Each test for each store.
macro_rules! for_each_store {
    ($($name:ident),+ $(,)?) => {
        mod aws {
            $(#[test]
            fn $name() {
                let bench = crate::harness::Bench::new();
                let Some(store) = super::super::Store::aws(&bench) else { return };
                super::$name(&bench, &store);
            })+
        }
        mod vault {
            $(#[test]
            fn $name() {
                let bench = crate::harness::Bench::new();
                let Some(store) = super::super::Store::vault(&bench) else { return };
                super::$name(&bench, &store);
            })+
        }
        mod google {
            $(#[test]
            fn $name() {
                let bench = crate::harness::Bench::new();
                let Some(store) = super::super::Store::google(&bench) else { return };
                super::$name(&bench, &store);
            })+
        }
        mod azure {
            $(#[test]
            fn $name() {
                let bench = crate::harness::Bench::new();
                let Some(store) = super::super::Store::azure(&bench) else { return };
                super::$name(&bench, &store);
            })+
        }
    };
}
use for_each_store;
