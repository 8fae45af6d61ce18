use std::time::Duration;

use crate::config::Remote;
use crate::secrets::Secret;

/// One job.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// For everything, retries included.
    pub within: Duration,
    pub work: Work,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Work {
    /// What they hold, asked side by side.
    Fetch(Vec<SourceRequest>),
    /// Which version each is of, and nothing else. Where that cannot be told without its values: None.
    Look(Vec<SourceRequest>),
    /// Changes to the document of one source, if it is still of this version.
    Write(Box<Write>),
    /// Each lease once more for as long.
    Renew(Vec<Held>),
    /// The credentials of each lease end.
    Revoke(Vec<Held>),
}

#[derive(Debug, PartialEq, Eq)]
pub struct Write {
    pub source: SourceRequest,
    pub changes: Vec<Change>,
    pub version: String,
}

/// One source, with what it takes to ask it.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceRequest {
    pub remote: Remote,
    /// What is in the files that the config names, and what keybearer took out of its environment.
    pub credentials: Vec<(Credential, Secret)>,
    /// What the helper before left for this one: a token got with something that works only once.
    pub state: Option<Secret>,
    /// Fields whose values of earlier versions are wanted too. Empty: none.
    pub history: Vec<String>,
}

impl SourceRequest {
    pub fn credential(&self, wanted: Credential) -> Option<&Secret> {
        self.credentials.iter().find(|(what, _)| *what == wanted).map(|(_, value)| value)
    }
}

/// What a file or a variable was read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    CaCertificates,
    ClientCertificate,
    ClientKey,
    Token,
    RoleId,
    SecretId,
    Jwt,
    Password,
    ClientSecret,
    /// What Google calls application default credentials.
    CredentialsFile,
    /// What another identity provider gave, in whatever form.
    SubjectToken,
}

/// One field under the store's own name for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    pub name: String,
    /// None: it goes.
    pub value: Option<Secret>,
}

/// A lease and the source that gave it.
#[derive(Debug, PartialEq, Eq)]
pub struct Held {
    pub source: SourceRequest,
    /// As the store calls it.
    pub id: String,
    /// How long it was given for at first.
    pub seconds: u64,
}
