//! `[[source]]` of type "azure-key-vault".

use super::Error;
use super::forms::absolute_path;
use super::raw::{PATH, variable};
use super::raw_source::{only_variable, selection};
use super::store_forms::{azure_id, azure_secret, azure_vault, azure_version, word};
use super::table::Table;
use super::value::form;
use super::{AzureSecret, Selection};

pub(super) fn secret(table: &mut Table<'_>) -> Result<(AzureSecret, Selection), Error> {
    table.refuse(
        "client-secret",
        "no secret belongs in this file; keep it in one of its own and name that: client-secret-file",
    )?;
    let vault = table.read("vault", form("a vault's name", azure_vault))?;
    let secret = table.read("secret", form("a secret's name", azure_secret))?;
    let azure = AzureSecret {
        vault: String::new(),
        secret: String::new(),
        key: table.read("key", form("a field's name", word))?,
        variable: table.read("as", variable)?,
        version: table.read("version", form("a version's id", azure_version))?,
        tenant: table.read("tenant", form("a tenant's id", azure_id))?,
        client_id: table.read("client-id", form("a client's id", azure_id))?,
        client_secret_file: table.read("client-secret-file", form(PATH, absolute_path))?,
        ca_file: table.read("ca-file", form(PATH, absolute_path))?,
    };
    let selection = selection(table)?;
    let azure = AzureSecret {
        vault: vault.ok_or_else(|| table.missing("vault"))?,
        secret: secret.ok_or_else(|| table.missing("secret"))?,
        ..azure
    };
    if azure.client_secret_file.is_some() && (azure.tenant.is_none() || azure.client_id.is_none()) {
        let place = table.place();
        let message =
            format!("'client-secret-file'{place} needs 'tenant' and 'client-id' beside it");
        return Err(table.error(message));
    }
    only_variable(table, &azure.variable, &selection)?;
    Ok((azure, selection))
}
