//! What the environment says for Azure where the config names no secret: a client secret, or the token that
//! Kubernetes mounts for a workload identity. Without either the helper asks for a managed identity.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::config::Remote;
use crate::secrets::Secret;

use super::credentials::is_word;
use super::google_credentials::{path, set};
use super::{Credential, CredentialError, Supplied};

const CLIENT_SECRET: &str = "AZURE_CLIENT_SECRET";
const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";

/// What the helper itself looks at.
pub(super) const VARIABLES: &[&str] = &[
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_AUTHORITY_HOST",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
];

pub(super) fn find(
    remote: &Remote,
    inherited: &BTreeMap<OsString, OsString>,
    supplied: &mut Supplied,
) -> Result<(), CredentialError> {
    if supplied.has(Credential::ClientSecret).is_some() {
        return Ok(());
    }
    if let Some(secret) = set(inherited, CLIENT_SECRET) {
        let Some(secret) = secret.to_str().filter(|secret| is_word(secret)) else {
            let (remote, form) = (remote.to_string(), "a secret: it must be one line of ASCII");
            return Err(CredentialError::Variable { remote, variable: CLIENT_SECRET, form });
        };
        supplied.credentials.push((Credential::ClientSecret, Secret::new(secret.to_owned())));
        supplied.used.push(CLIENT_SECRET.to_owned());
        return Ok(());
    }
    match path(remote, inherited, TOKEN_FILE)? {
        Some(file) => supplied.read(Credential::Jwt, &file, remote),
        None => Ok(()),
    }
}
