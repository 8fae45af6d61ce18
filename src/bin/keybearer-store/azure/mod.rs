//! Azure Key Vault, asked by the few REST calls that it takes, on the HTTP and TLS that are linked anyway.
//! Azure's own crates (azure_security_keyvault_secrets 1.0 and azure_identity) would add 46 crates, a second
//! cryptographic library among them, to keep up with; their retries and pipelines know no deadline of ours.

#![forbid(unsafe_code)]

mod claim;
mod cloud;
mod identity;
mod key_vault;
mod login;
mod version;
mod write;

use keybearer::config::AzureSecret;
use keybearer::helper::{Change, Failure, Got, SourceRequest, Written};
use keybearer::secrets::Secret;

use crate::deadline::Deadline;
use crate::text::Content;
use key_vault::KeyVault;

/// How far back fallbacks are looked for.
const EARLIER: usize = 10;

pub async fn fetch(
    asked: &AzureSecret,
    source: &SourceRequest,
    deadline: Deadline,
) -> Result<Got, Failure> {
    let vault = KeyVault::open(asked, source, deadline).await?;
    let secret = vault.get(asked.version.as_deref()).await?;
    let found = content(asked, secret.text.expose()).entries();
    let found = found.map_err(|cause| vault.client.wrong(cause))?;
    let said = |warning: &str| format!("{}: {warning}", source.remote);
    let mut warnings: Vec<String> = found.warnings.iter().map(|one| said(one)).collect();
    warnings.extend(secret.warning().map(said));
    let mut history = Vec::new();
    if asked.version.is_none() && !source.history.is_empty() {
        history = self::history(&vault, asked, source, &secret.version, &mut warnings).await?;
    }
    Ok(Got {
        entries: found.entries,
        version: Some(secret.version),
        identity: asked.key.as_ref().map(|key| format!("{}#{key}", source.remote.identity())),
        history,
        used: vault.used,
        warnings,
        ..Got::default()
    })
}

/// The wanted fields of the enabled versions before this one, the newest first.
async fn history(
    vault: &KeyVault<'_>,
    asked: &AzureSecret,
    source: &SourceRequest,
    current: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<(String, Secret)>, Failure> {
    let Some(mut listed) = vault.versions().await? else {
        warnings.push(format!(
            "{}: its earlier versions are left out: access denied; allow to list secrets",
            source.remote
        ));
        return Ok(Vec::new());
    };
    listed.retain(|one| one.enabled && one.version != current);
    listed.sort_by_key(|one| std::cmp::Reverse(one.created));
    let mut history = Vec::new();
    for one in listed.into_iter().take(EARLIER) {
        // Disabled meanwhile, or of another form: nothing that a site should stop for.
        let Some(secret) = vault.find(&one.version).await? else { continue };
        let Ok(found) = content(asked, secret.text.expose()).entries() else { continue };
        let wanted = found.entries.into_iter().filter(|(name, _)| source.history.contains(name));
        history.extend(wanted);
    }
    Ok(history)
}

/// The store tells which version is the current one with its value alone, which goes no further than here.
pub async fn look(
    asked: &AzureSecret,
    source: &SourceRequest,
    deadline: Deadline,
) -> Result<Option<String>, Failure> {
    if let Some(version) = &asked.version {
        return Ok(Some(version.clone()));
    }
    let vault = KeyVault::open(asked, source, deadline).await?;
    Ok(Some(vault.get(None).await?.version))
}

pub async fn write(
    asked: &AzureSecret,
    source: &SourceRequest,
    changes: &[Change],
    version: &str,
    deadline: Deadline,
) -> Result<Written, Failure> {
    let vault = KeyVault::open(asked, source, deadline).await?;
    if asked.version.is_some() {
        return Err(vault.client.wrong(
            "it cannot be written while 'version' fixes what is read; take it out of the config",
        ));
    }
    let change = |text: &str| content(asked, text).with(changes);
    let version = write::write(&vault, version, change).await?;
    Ok(Written { version, state: None })
}

fn content<'a>(asked: &'a AzureSecret, text: &'a str) -> Content<'a> {
    Content::new(asked.key.as_deref(), asked.variable.as_ref(), text)
}
