use std::collections::BTreeSet;

use keybearer::helper::{Failure, Kind};
use keybearer::secrets::Secret;
use zeroize::Zeroizing;

use super::claim::{Claim, TAG};
use super::key_vault::KeyVault;
use super::version::{Listed, Version};
use crate::retry;

/// The id of the version that now holds the changes; made from version `before`, and only if that is still
/// the current one.
pub async fn write(
    vault: &KeyVault<'_>,
    before: &str,
    change: impl Fn(&str) -> Result<Zeroizing<String>, String>,
) -> Result<String, Failure> {
    let known = list(vault).await?;
    let known: BTreeSet<String> = known.into_iter().map(|one| one.version).collect();
    let (claim, current) = Claim::take(vault, before).await?;
    let written = claimed(vault, &current, &known, change).await;
    if !matches!(&written, Ok(version) if version != before) {
        claim.give_back(vault).await;
    }
    written
}

async fn claimed(
    vault: &KeyVault<'_>,
    current: &Version,
    known: &BTreeSet<String>,
    change: impl Fn(&str) -> Result<Zeroizing<String>, String>,
) -> Result<String, Failure> {
    let client = &vault.client;
    let text = change(current.text.expose()).map_err(|cause| client.wrong(cause))?;
    let text = Secret::new(text.as_str().to_owned());
    if text == current.text {
        return Ok(current.version.clone());
    }
    let ours = put(vault, current, &text).await?;
    let unchecked = |failure: Failure| Failure {
        message: format!("{}; version {ours} was written and not checked", failure.message),
        ..failure
    };
    if let Some(theirs) = unknown(vault, known, &ours, &text).await.map_err(unchecked)? {
        return Err(undone(vault, &theirs, &ours).await);
    }
    match vault.find(&ours).await.map_err(unchecked)? {
        Some(version) if version.text == text => Ok(ours),
        _ => Err(client.wrong("what was written is not what was read back")),
    }
}

async fn list(vault: &KeyVault<'_>) -> Result<Vec<Listed>, Failure> {
    vault.versions().await?.ok_or_else(|| vault.may_not_list())
}

/// An answer that was lost looks like a failure: what is there now tells.
async fn put(vault: &KeyVault<'_>, before: &Version, text: &Secret) -> Result<String, Failure> {
    let mut tags = before.tags.clone();
    tags.remove(TAG);
    retry::until(vault.client.deadline, || async {
        let failure = match vault.put(text, before, &tags).await {
            Err(failure) if failure.kind == Kind::Unreachable => failure,
            other => return other.map(|version| version.version),
        };
        let current = vault.get(None).await?;
        match current.version == before.version {
            true => Err(failure),
            false if current.text == *text => Ok(current.version),
            false => Err(vault.client.unclear()),
        }
    })
    .await
}

/// A version that somebody who knows no claims has made while we made ours; the newest of several.
async fn unknown(
    vault: &KeyVault<'_>,
    known: &BTreeSet<String>,
    ours: &str,
    text: &Secret,
) -> Result<Option<Version>, Failure> {
    let mut listed = list(vault).await?;
    listed.retain(|one| one.version != ours && !known.contains(&one.version));
    listed.sort_by_key(|one| std::cmp::Reverse(one.created));
    for one in listed {
        match vault.find(&one.version).await? {
            // Our own, of a try whose answer was lost.
            Some(version) if version.text == *text => {}
            Some(version) => return Ok(Some(version)),
            // Disabled by whoever made it.
            None => {}
        }
    }
    Ok(None)
}

/// Where ours is the current one, it hides theirs, and was made without knowing it. Theirs is put on top
/// again; readers may have seen ours meanwhile. Where ours is not, theirs may have been made after ours and
/// from it: then both stay as they are.
async fn undone(vault: &KeyVault<'_>, theirs: &Version, ours: &str) -> Failure {
    let again = async {
        if vault.get(None).await?.version != ours {
            return Ok(false);
        }
        vault.put(&theirs.text, theirs, &theirs.tags).await?;
        // Nothing reads it any more; that it could be disabled too is not needed for that.
        let _ = vault.disable(ours).await;
        Ok::<bool, Failure>(true)
    };
    match again.await {
        Ok(true) => vault.client.conflict(),
        Ok(false) => vault.client.both(&theirs.version, ours),
        Err(_) => vault.client.wrong(format!(
            "somebody else wrote version {} at the same moment, and version {ours} hides it; look at both, and write what is right",
            theirs.version
        )),
    }
}
