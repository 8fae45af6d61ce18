//! What the supervisor reads for the helper, which opens no file that the config names and gets no more
//! of the environment than its stores need.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::config::{Remote, VaultMethod};
use crate::files::{self, Rule};
use crate::secrets::Secret;

use super::{Credential, CredentialError, azure_credentials, google_credentials};

const TOKEN: &str = "VAULT_TOKEN";

/// What one source's request carries.
#[derive(Debug, Default)]
pub struct Supplied {
    pub credentials: Vec<(Credential, Secret)>,
    /// Variables of the environment that were used, and that the site must not see.
    pub used: Vec<String>,
    /// One line each, without a value.
    pub warnings: Vec<String>,
}

/// The files that a source names, each with the rule that it is judged by.
pub fn credential_files(remote: &Remote) -> Vec<(Credential, &Path, Rule)> {
    let files = match remote {
        Remote::AwsSecret(aws) => vec![(Credential::CaCertificates, &aws.access.ca_file)],
        Remote::AwsParameters(aws) => vec![(Credential::CaCertificates, &aws.access.ca_file)],
        Remote::Vault(vault) => vec![
            (Credential::CaCertificates, &vault.ca_file),
            (Credential::ClientCertificate, &vault.client_cert),
            (Credential::ClientKey, &vault.client_key),
            (Credential::Token, &vault.auth.token_file),
            (Credential::RoleId, &vault.auth.role_id_file),
            (Credential::SecretId, &vault.auth.secret_id_file),
            (Credential::Jwt, &vault.auth.jwt_file),
            (Credential::Password, &vault.auth.password_file),
        ],
        Remote::GoogleSecret(google) => vec![
            (Credential::CaCertificates, &google.ca_file),
            (Credential::CredentialsFile, &google.credentials_file),
        ],
        Remote::AzureSecret(azure) => vec![
            (Credential::CaCertificates, &azure.ca_file),
            (Credential::ClientSecret, &azure.client_secret_file),
        ],
    };
    let named =
        files.into_iter().filter_map(|(credential, path)| Some((credential, path.as_ref()?)));
    named.map(|(credential, path)| (credential, path.as_path(), credential.rule())).collect()
}

/// Reads them all, and takes what the environment has for this source.
pub fn read_credentials(
    remote: &Remote,
    inherited: &BTreeMap<OsString, OsString>,
) -> Result<Supplied, CredentialError> {
    let mut supplied = Supplied::default();
    for (credential, path, _) in credential_files(remote) {
        supplied.read(credential, path, remote)?;
    }
    match remote {
        Remote::Vault(vault) if vault.auth.method == VaultMethod::Token => {
            supplied.credentials.push((Credential::Token, token(remote, inherited)?));
            supplied.used.push(TOKEN.to_owned());
        }
        Remote::GoogleSecret(_) => google_credentials::find(remote, inherited, &mut supplied)?,
        Remote::AzureSecret(_) => azure_credentials::find(remote, inherited, &mut supplied)?,
        Remote::AwsSecret(_) | Remote::AwsParameters(_) | Remote::Vault(_) => {}
    }
    Ok(supplied)
}

impl Supplied {
    /// One file more.
    pub(super) fn read(
        &mut self,
        credential: Credential,
        path: &Path,
        remote: &Remote,
    ) -> Result<(), CredentialError> {
        let contents = files::read_mounted(path, credential.rule())
            .map_err(|refusal| CredentialError::File { remote: remote.to_string(), refusal })?;
        self.warnings.extend(contents.warnings);
        let value = credential.value(&contents.bytes, remote, path)?;
        self.credentials.push((credential, value));
        Ok(())
    }

    pub(super) fn has(&self, credential: Credential) -> Option<&Secret> {
        self.credentials.iter().find(|(what, _)| *what == credential).map(|(_, value)| value)
    }
}

fn token(
    remote: &Remote,
    inherited: &BTreeMap<OsString, OsString>,
) -> Result<Secret, CredentialError> {
    let given = inherited.get(OsStr::new(TOKEN)).filter(|token| !token.is_empty());
    let given = given.ok_or_else(|| CredentialError::NoToken { remote: remote.to_string() })?;
    match given.to_str() {
        // It becomes a header.
        Some(token) if is_word(token) => Ok(Secret::new(token.to_owned())),
        _ => Err(CredentialError::NotAToken { remote: remote.to_string() }),
    }
}

/// Where certificates and proxies are looked for.
const OF_ALL: &[&str] = &[
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// The environment of a helper that asks these: nothing else of what keybearer inherited.
pub fn variables(
    remotes: &[&Remote],
    inherited: &BTreeMap<OsString, OsString>,
) -> Vec<(OsString, OsString)> {
    let aws = remotes.iter().any(|remote| match remote {
        Remote::AwsSecret(_) | Remote::AwsParameters(_) => true,
        Remote::Vault(vault) => vault.auth.method == VaultMethod::AwsIam,
        Remote::GoogleSecret(_) | Remote::AzureSecret(_) => false,
    });
    let google = remotes.iter().any(|remote| matches!(remote, Remote::GoogleSecret(_)));
    let azure = remotes.iter().any(|remote| matches!(remote, Remote::AzureSecret(_)));
    let needed = |name: &OsStr| {
        OF_ALL.iter().any(|known| name == *known)
            // Profiles are in files below HOME.
            || aws && (name == "HOME" || name.as_encoded_bytes().starts_with(b"AWS_"))
            || google && google_credentials::VARIABLES.iter().any(|known| name == *known)
            || azure && azure_credentials::VARIABLES.iter().any(|known| name == *known)
    };
    let kept = inherited.iter().filter(|(name, _)| needed(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

impl Credential {
    /// A certificate is no secret, and whoever may write it decides whom the store is taken for.
    fn rule(self) -> Rule {
        match self {
            Credential::CaCertificates | Credential::ClientCertificate => Rule::Config,
            Credential::ClientKey
            | Credential::Token
            | Credential::RoleId
            | Credential::SecretId
            | Credential::Jwt
            | Credential::Password
            | Credential::ClientSecret
            | Credential::CredentialsFile
            | Credential::SubjectToken => Rule::Mounted,
        }
    }

    fn what(self) -> &'static str {
        match self {
            Credential::CaCertificates => "certificates",
            Credential::ClientCertificate => "certificate",
            Credential::ClientKey => "key",
            Credential::Token => "token",
            Credential::RoleId => "role-id",
            Credential::SecretId => "secret-id",
            Credential::Jwt => "JWT",
            Credential::Password => "password",
            Credential::ClientSecret => "client secret",
            Credential::CredentialsFile => "credentials",
            Credential::SubjectToken => "subject token",
        }
    }

    /// Editors and `echo` end a file with a newline, which is not the value's.
    fn value(self, bytes: &[u8], remote: &Remote, path: &Path) -> Result<Secret, CredentialError> {
        let what = self.what();
        let wrong = |form| CredentialError::Form {
            remote: remote.to_string(),
            path: path.to_owned(),
            what,
            form,
        };
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("UTF-8"))?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.trim().is_empty() {
            let (remote, path) = (remote.to_string(), path.to_owned());
            return Err(CredentialError::Empty { remote, path, what });
        }
        let (fits, form) = match self {
            Credential::CaCertificates | Credential::ClientCertificate | Credential::ClientKey => {
                (text.contains("-----BEGIN "), "PEM, with a line -----BEGIN")
            }
            // The first becomes a header, the others are words too.
            Credential::Token
            | Credential::RoleId
            | Credential::SecretId
            | Credential::Jwt
            | Credential::ClientSecret => (is_word(text), "one line of ASCII, without a space"),
            Credential::Password | Credential::SubjectToken => {
                (!text.contains('\0'), "text without NUL")
            }
            Credential::CredentialsFile => {
                (text.trim_start().starts_with('{'), "JSON, as Google writes it")
            }
        };
        if fits { Ok(Secret::new(text.to_owned())) } else { Err(wrong(form)) }
    }
}

pub(super) fn is_word(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
