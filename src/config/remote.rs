use std::fmt;
use std::path::PathBuf;

use crate::secrets::Name;

use super::{AzureSecret, GoogleSecret};

/// A source that is asked over the network, as the config describes it. Both executables know this; only
/// the helper acts on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    AwsSecret(AwsSecret),
    AwsParameters(AwsParameters),
    Vault(Vault),
    GoogleSecret(GoogleSecret),
    AzureSecret(AzureSecret),
}

impl Remote {
    /// What two configs that mean the same thing have in common, as far as a config says.
    pub fn identity(&self) -> String {
        match self {
            Remote::AwsSecret(aws) => {
                let region = aws.access.region.as_deref().unwrap_or_default();
                format!("aws-secret:{region}:{}", aws.secret)
            }
            Remote::AwsParameters(aws) => {
                let region = aws.access.region.as_deref().unwrap_or_default();
                let path = aws.path.iter().chain(&aws.names).map(String::as_str);
                format!("aws-parameters:{region}:{}", path.collect::<Vec<_>>().join(","))
            }
            Remote::Vault(vault) => {
                let address = vault.address.trim_end_matches('/');
                let namespace = vault.namespace.as_deref().unwrap_or_default().trim_matches('/');
                let (mount, path) = (vault.mount.trim_matches('/'), vault.path.trim_matches('/'));
                format!("vault:{address}:{namespace}:{mount}/{path}")
            }
            Remote::GoogleSecret(google) => {
                let endpoint = google.endpoint.as_deref().unwrap_or_default();
                format!("google-secret:{endpoint}:{}/{}", google.project, google.secret)
            }
            Remote::AzureSecret(azure) => {
                format!("azure-secret:{}/{}", azure.address(), azure.secret)
            }
        }
    }

    /// Whether older values can be asked for. With one version pinned there is nothing to look back from.
    pub fn keeps_history(&self) -> bool {
        match self {
            Remote::AwsSecret(aws) => aws.version.is_none() && aws.stage.is_none(),
            Remote::AwsParameters(_) => false,
            Remote::Vault(vault) => vault.engine == Engine::Kv2 && vault.version.is_none(),
            Remote::GoogleSecret(google) => google.version.is_none(),
            Remote::AzureSecret(azure) => azure.version.is_none(),
        }
    }
}

/// As messages show it: the store and what is asked for there.
impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remote::AwsSecret(aws) => write!(f, "AWS secret '{}'", aws.secret),
            Remote::AwsParameters(AwsParameters { path: Some(path), .. }) => {
                write!(f, "AWS parameters under '{path}'")
            }
            Remote::AwsParameters(AwsParameters { names, .. }) => match &names[..] {
                [name] => write!(f, "AWS parameter '{name}'"),
                names => write!(f, "AWS parameters '{}'", names.join("', '")),
            },
            Remote::Vault(vault) => write!(f, "Vault '{}/{}'", vault.mount, vault.path),
            Remote::GoogleSecret(google) => {
                write!(f, "Google secret '{}/{}'", google.project, google.secret)
            }
            Remote::AzureSecret(azure) => {
                let vault = azure.vault.trim_start_matches("https://");
                write!(f, "Azure secret '{vault}/{}'", azure.secret)
            }
        }
    }
}

/// How AWS is reached, and as whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsAccess {
    pub region: Option<String>,
    pub profile: Option<String>,
    /// The ARN of a role to assume.
    pub role: Option<String>,
    pub external_id: Option<String>,
    pub endpoint: Option<String>,
    pub ca_file: Option<PathBuf>,
}

/// `type = "aws-secrets-manager"`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsSecret {
    /// A name or an ARN.
    pub secret: String,
    /// One field of the JSON document: what is there is the document, or with `variable` its value.
    pub key: Option<String>,
    /// `as`: the whole of a secret that is no JSON document is the value of this variable.
    pub variable: Option<Name>,
    /// AWSCURRENT where neither is given.
    pub stage: Option<String>,
    pub version: Option<String>,
    pub access: AwsAccess,
}

/// `type = "aws-parameter-store"`: `path`, or `names`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsParameters {
    pub path: Option<String>,
    pub names: Vec<String>,
    pub access: AwsAccess,
}

/// `type = "vault"`; OpenBao is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vault {
    /// From the config, or VAULT_ADDR; empty until that was looked up.
    pub address: String,
    pub mount: String,
    pub path: String,
    pub engine: Engine,
    /// Of a KV 2 secret; None: the newest.
    pub version: Option<u64>,
    pub namespace: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub client_cert: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    pub auth: VaultAuth,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Engine {
    #[default]
    Kv2,
    Kv1,
    /// Credentials made for whoever asks, under a lease.
    Database,
}

/// `auth = { method = ..., ... }`. Files are read by keybearer, and what is in them goes to the helper.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VaultAuth {
    pub method: VaultMethod,
    /// Where the method is mounted, if elsewhere than usual.
    pub mount: Option<String>,
    pub role: Option<String>,
    pub username: Option<String>,
    /// The secret-id is a response-wrapping token.
    pub wrapped: bool,
    /// The value of X-Vault-AWS-IAM-Server-ID.
    pub server_id: Option<String>,
    /// Of STS, for the AWS method.
    pub region: Option<String>,
    pub role_id: Option<String>,
    pub token_file: Option<PathBuf>,
    pub role_id_file: Option<PathBuf>,
    pub secret_id_file: Option<PathBuf>,
    pub jwt_file: Option<PathBuf>,
    pub password_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VaultMethod {
    /// VAULT_TOKEN. Where that is not set and HOME has a .vault-token, `resolve` makes it TokenFile.
    #[default]
    Token,
    TokenFile,
    AppRole,
    Kubernetes,
    Jwt,
    AwsIam,
    Userpass,
    /// The client certificate.
    Cert,
}

impl VaultMethod {
    pub const WORDS: &[(&str, VaultMethod)] = &[
        ("token", VaultMethod::Token),
        ("token-file", VaultMethod::TokenFile),
        ("approle", VaultMethod::AppRole),
        ("kubernetes", VaultMethod::Kubernetes),
        ("jwt", VaultMethod::Jwt),
        ("aws-iam", VaultMethod::AwsIam),
        ("userpass", VaultMethod::Userpass),
        ("cert", VaultMethod::Cert),
    ];
}
