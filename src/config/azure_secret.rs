use std::path::PathBuf;

use crate::secrets::Name;

/// `type = "azure-key-vault"`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AzureSecret {
    /// A name, or the address of one in another cloud.
    pub vault: String,
    pub secret: String,
    /// One field of the JSON document: what is there is the document, or with `variable` its value.
    pub key: Option<String>,
    /// `as`: the whole of a secret that is no JSON document is the value of this variable.
    pub variable: Option<Name>,
    /// None: the newest.
    pub version: Option<String>,
    /// None: AZURE_TENANT_ID, where one is needed.
    pub tenant: Option<String>,
    /// Of the application or of the managed identity. None: AZURE_CLIENT_ID, or the only identity.
    pub client_id: Option<String>,
    pub client_secret_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
}

impl AzureSecret {
    pub fn address(&self) -> String {
        match self.vault.contains("://") {
            true => self.vault.clone(),
            false => format!("https://{}.vault.azure.net", self.vault),
        }
    }
}
