//! Where Google's own tools look for credentials, in their order; after these comes the metadata server,
//! which the helper asks.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::config::Remote;

use super::{Credential, CredentialError, Supplied};

/// What the helper itself looks at.
pub(super) const VARIABLES: &[&str] = &["GCE_METADATA_HOST"];

const NAMED: &str = "GOOGLE_APPLICATION_CREDENTIALS";

type Environment = BTreeMap<OsString, OsString>;

/// What the config does not name.
pub(super) fn find(
    remote: &Remote,
    inherited: &Environment,
    supplied: &mut Supplied,
) -> Result<(), CredentialError> {
    if supplied.has(Credential::CredentialsFile).is_none() {
        let named = path(remote, inherited, NAMED)?;
        if let Some(file) = named.or_else(|| left_by_gcloud(inherited)) {
            supplied.read(Credential::CredentialsFile, &file, remote)?;
        }
    }
    let given = supplied.has(Credential::CredentialsFile);
    match given.and_then(|credentials| subject_token_file(credentials.expose())) {
        Some(file) => supplied.read(Credential::SubjectToken, &file, remote),
        None => Ok(()),
    }
}

/// A file that a variable names.
pub(super) fn path(
    remote: &Remote,
    inherited: &Environment,
    variable: &'static str,
) -> Result<Option<PathBuf>, CredentialError> {
    let Some(value) = set(inherited, variable) else { return Ok(None) };
    let path = PathBuf::from(value);
    if !path.is_absolute() {
        let (remote, form) = (remote.to_string(), "an absolute path");
        return Err(CredentialError::Variable { remote, variable, form });
    }
    Ok(Some(path))
}

/// An empty variable is none.
pub(super) fn set<'a>(inherited: &'a Environment, variable: &str) -> Option<&'a OsStr> {
    inherited.get(OsStr::new(variable)).map(OsString::as_os_str).filter(|value| !value.is_empty())
}

/// By `gcloud auth application-default login`.
fn left_by_gcloud(inherited: &Environment) -> Option<PathBuf> {
    let directory = match set(inherited, "CLOUDSDK_CONFIG") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(set(inherited, "HOME")?).join(".config/gcloud"),
    };
    let file = directory.join("application_default_credentials.json");
    (file.is_absolute() && file.symlink_metadata().is_ok()).then_some(file)
}

/// Another provider's token, in a file that these credentials name. Whatever else is wrong with them, the
/// helper says.
fn subject_token_file(credentials: &str) -> Option<PathBuf> {
    let credentials: Value = serde_json::from_str(credentials).ok()?;
    if credentials["type"] != "external_account" {
        return None;
    }
    let file = PathBuf::from(credentials["credential_source"]["file"].as_str()?);
    file.is_absolute().then_some(file)
}
