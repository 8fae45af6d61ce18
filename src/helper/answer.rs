use crate::moment::Moment;
use crate::secrets::Secret;

use super::Failure;

/// One for each request, of the same kind; in it one result for each source, in the order asked.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Fetched(Vec<Result<Got, Failure>>),
    Looked(Vec<Result<Option<String>, Failure>>),
    Written(Result<Written, Failure>),
    Renewed(Vec<Result<Lease, Failure>>),
    Revoked(Vec<Result<(), Failure>>),
    /// None of it was tried.
    Failed(Failure),
}

/// What one source holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Got {
    /// Under the store's own names. Each value is text; a value that is none is a Failure.
    pub entries: Vec<(String, Secret)>,
    /// Compared and shown, and given back to write: the version id, the number.
    pub version: Option<String>,
    /// What the store itself calls it, whatever name it was asked by: an ARN.
    pub identity: Option<String>,
    /// The wanted fields of earlier versions, the newest first.
    pub history: Vec<(String, Secret)>,
    pub lease: Option<Lease>,
    /// For the next helper.
    pub state: Option<Secret>,
    /// Variables of the environment that were used to ask, and that the site must not see.
    pub used: Vec<String>,
    /// One line each, without a value.
    pub warnings: Vec<String>,
}

/// What a source held once, as a cache has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    /// Of which source: nothing that could be read by a person.
    pub identity: String,
    pub at: Moment,
    pub got: Got,
}

/// For how long what was given is good.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lease {
    pub id: String,
    pub seconds: u64,
    pub renewable: bool,
    /// For the next helper, where renewing it took a new login.
    pub state: Option<Secret>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    pub version: String,
    pub state: Option<Secret>,
}
