use keybearer::helper::{Failure, Kind};
use keybearer::secrets::Secret;
use zeroize::Zeroizing;

use super::claim::Claim;
use super::versions::{Found, Versions};
use crate::retry;

/// The number of the version that now holds the changes; made from version `before`, and only if that is
/// still the newest.
pub async fn write(
    versions: &Versions<'_>,
    before: u64,
    change: impl Fn(&str) -> Result<Zeroizing<String>, String>,
) -> Result<u64, Failure> {
    let claim = Claim::take(versions, before).await?;
    let written = claimed(versions, before, change).await;
    if !matches!(written, Ok(number) if number > before) {
        claim.give_back(versions).await;
    }
    written
}

async fn claimed(
    versions: &Versions<'_>,
    before: u64,
    change: impl Fn(&str) -> Result<Zeroizing<String>, String>,
) -> Result<u64, Failure> {
    let client = &versions.client;
    let current = versions.newest().await?;
    if current.number != before {
        return Err(client.conflict());
    }
    let text = change(current.text.expose()).map_err(|cause| client.wrong(cause))?;
    let text = Secret::new(text.as_str().to_owned());
    if text == current.text {
        return Ok(before);
    }
    let number = add(versions, before, &text).await?;
    // Numbers are given in turn: with another version in between, somebody who knows no claims was here.
    for between in (before + 1..number).rev() {
        let found = versions.find(between).await.ok().and_then(Found::enabled);
        if found.is_none_or(|version| version.text != text) {
            return Err(undone(versions, between, number).await);
        }
    }
    if versions.get(number).await?.text != text {
        return Err(client.wrong("what was written is not what was read back"));
    }
    Ok(number)
}

/// An answer that was lost looks like a failure: what is there now tells.
async fn add(versions: &Versions<'_>, before: u64, text: &Secret) -> Result<u64, Failure> {
    retry::until(versions.client.deadline, || async {
        let failure = match versions.add(text).await {
            Err(failure) if failure.kind == Kind::Unreachable => failure,
            other => return other,
        };
        let newest = versions.newest().await?;
        match newest.number > before {
            false => Err(failure),
            true if newest.text == *text => Ok(newest.number),
            true => Err(versions.client.conflict()),
        }
    })
    .await
}

/// The version of somebody else lies below ours, which was made without knowing it. It is put on top again;
/// readers may have seen ours meanwhile.
async fn undone(versions: &Versions<'_>, theirs: u64, ours: u64) -> Failure {
    let again = async {
        let theirs = versions.get(theirs).await?;
        versions.add(&theirs.text).await?;
        // Nothing reads it any more; that it could be disabled too is not needed for that.
        let _ = versions.disable(ours).await;
        Ok::<(), Failure>(())
    };
    match again.await {
        Ok(()) => versions.client.conflict(),
        Err(_) => versions.client.wrong(format!(
            "somebody else added version {theirs} at the same moment, and version {ours} hides it; look at both, and add what is right"
        )),
    }
}
