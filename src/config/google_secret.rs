use std::path::PathBuf;

use crate::secrets::Name;

/// `type = "google-secret-manager"`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GoogleSecret {
    /// An id or a number.
    pub project: String,
    pub secret: String,
    /// One field of the JSON document: what is there is the document, or with `variable` its value.
    pub key: Option<String>,
    /// `as`: the whole of a secret that is no JSON document is the value of this variable.
    pub variable: Option<Name>,
    /// None: the newest.
    pub version: Option<u64>,
    /// None: GOOGLE_APPLICATION_CREDENTIALS, what gcloud left in HOME, or the metadata server.
    pub credentials_file: Option<PathBuf>,
    pub endpoint: Option<String>,
    pub ca_file: Option<PathBuf>,
}
