use keybearer::helper::{Failure, Kind};
use keybearer::secrets::Secret;
use zeroize::Zeroizing;

use super::claim::Claim;
use super::versions::Versions;
use crate::rest::Client;
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
    checked(versions, before, number, &text).await
}

/// Whether it is what was read before, with the changes and nothing lost.
async fn checked(
    versions: &Versions<'_>,
    before: u64,
    number: u64,
    text: &Secret,
) -> Result<u64, Failure> {
    let unchecked = |failure| unchecked(failure, number);
    // Numbers are given in turn: with another version in between, somebody who knows no claims was here.
    for between in (before + 1..number).rev() {
        let found = versions.find(between).await.map_err(unchecked)?.enabled();
        if found.is_none_or(|version| version.text != *text) {
            return Err(undone(versions, between, number).await);
        }
    }
    if versions.get(number).await.map_err(unchecked)?.text != *text {
        return Err(versions.client.wrong("what was written is not what was read back"));
    }
    Ok(number)
}

fn unchecked(failure: Failure, number: u64) -> Failure {
    let message = format!("{}; version {number} was added and not checked", failure.message);
    Failure { message, ..failure }
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
            true => Err(versions.client.unclear()),
        }
    })
    .await
}

/// The version of somebody else lies below ours, which was made without knowing it. It is put on top again;
/// readers may have seen ours meanwhile. Where there is a version above ours already, it stays on top.
async fn undone(versions: &Versions<'_>, theirs: u64, ours: u64) -> Failure {
    let client = &versions.client;
    let again = async {
        let hidden = versions.get(theirs).await?;
        if versions.newest().await?.number != ours {
            return Ok(None);
        }
        versions.add(&hidden.text).await.map(Some)
    };
    match again.await {
        Ok(Some(top)) if top == ours + 1 => {
            // Nothing reads it any more; that it could be disabled too is not needed for that.
            let _ = versions.disable(ours).await;
            client.conflict()
        }
        // Numbers are given in turn: one more has come.
        Ok(Some(top)) => hides(client, ours + 1, top),
        Ok(None) => client.both(&theirs.to_string(), &ours.to_string()),
        Err(_) => hides(client, theirs, ours),
    }
}

fn hides(client: &Client, theirs: u64, ours: u64) -> Failure {
    client.wrong(format!(
        "somebody else added version {theirs} at the same moment, and version {ours} hides it; look at both, and add what is right"
    ))
}
