use std::collections::BTreeMap;

use keybearer::config::Vault;
use keybearer::helper::{Change, Failure, Got, Kind};
use keybearer::secrets::Secret;
use reqwest::Method;
use serde_json::value::{RawValue, to_raw_value};
use vaultrs::api::kv2::requests::{ReadSecretMetadataRequest, ReadSecretRequest};
use zeroize::Zeroizing;

use super::ask::Ask;
use super::client::Client;
use super::document;
use super::reply::{self, Object, Reply};
use super::session::Session;

/// How far back fallbacks are looked for: as many as Vault keeps by default.
const EARLIER: u64 = 10;

pub async fn fetch(
    vault: &Vault,
    history: &[String],
    session: &mut Session<'_>,
) -> Result<Got, Failure> {
    let reply = read(vault, vault.version, session).await?;
    let (data, version) = document_of(vault, &session.client, &reply)?;
    let mut got = Got { version: Some(version.to_string()), ..Got::default() };
    let remote = format!("Vault '{}/{}'", vault.mount, vault.path);
    got.entries = document::entries(&remote, &data, &mut got.warnings);
    if !history.is_empty() {
        got.history = earlier(vault, history, version, session).await?;
    }
    Ok(got)
}

/// None where the policies do not let it be told without the values.
pub async fn look(vault: &Vault, session: &mut Session<'_>) -> Result<Option<String>, Failure> {
    let Vault { mount, path, .. } = vault;
    let ask = ReadSecretMetadataRequest { mount: mount.clone(), path: path.clone() };
    let reply = session.ask(&ask).await?;
    match reply.status {
        200..300 => {
            let data = reply.part(&session.client, &["data"])?;
            let version = reply::number(&data, "current_version");
            version.map_or_else(
                || Err(reply::not_understood(&session.client)),
                |version| Ok(Some(version.to_string())),
            )
        }
        403 => Ok(None),
        _ => Err(refusal(vault, &session.client, &reply)),
    }
}

/// The number of the version that now holds the changes.
pub async fn write(
    vault: &Vault,
    changes: &[Change],
    version: &str,
    session: &mut Session<'_>,
) -> Result<String, Failure> {
    let reply = read(vault, None, session).await?;
    let (data, current) = document_of(vault, &session.client, &reply)?;
    if current.to_string() != version {
        return Err(conflict(&session.client));
    }
    let changed = changed(&session.client, &data, changes)?;
    let path = format!("{}/data/{}", vault.mount, vault.path);
    let body = format!("{{\"options\":{{\"cas\":{current}}},\"data\":{}}}", changed.as_str());
    let ask = Ask::with(Method::POST, &path, body.into_bytes());
    let reply = match sent(&ask, session).await {
        Err(failure) if failure.kind == Kind::Unreachable => {
            return unanswered(vault, failure, current + 1, &changed, session).await;
        }
        answer => answer?,
    };
    let client = &session.client;
    let written = match reply.status {
        200..300 => {
            let data = reply.part(client, &["data"])?;
            reply::number(&data, "version").ok_or_else(|| reply::not_understood(client))?
        }
        400 if reply.says("check-and-set parameter did not match") => {
            // It may be our own: an answer that was lost on its way made us ask twice.
            if reply.attempts == 1 {
                return Err(conflict(client));
            }
            current + 1
        }
        403 => {
            let text = format!(
                "{} refuses to write it (HTTP 403); the token may have ended, or its policies lack update on '{path}'",
                client.address()
            );
            return Err(client.failure(Kind::Refused, text));
        }
        status => {
            let text = format!("{} does not take the write (HTTP {status})", client.address());
            return Err(client.failure(Kind::Wrong, text));
        }
    };
    let doubtful = !reply.is_good();
    let reply = read(vault, Some(written), session).await?;
    let same = reply.is_good() && is_same(&session.client, &reply, &changed)?;
    match (same, doubtful) {
        (true, _) => Ok(written.to_string()),
        (false, true) => Err(conflict(&session.client)),
        (false, false) => {
            let text = format!(
                "{} does not give back what was written as version {written}",
                session.client.address()
            );
            Err(session.client.failure(Kind::Wrong, text))
        }
    }
}

/// A part of the time is left to look what became of it.
async fn sent(ask: &Ask, session: &mut Session<'_>) -> Result<Reply, Failure> {
    let time = session.client.deadline.left() * 3 / 4;
    match tokio::time::timeout(time, session.send(ask)).await {
        Ok(answer) => answer,
        Err(_) => Err(session.client.unanswered()),
    }
}

/// An answer that was lost looks like a failure: what is there now tells.
async fn unanswered(
    vault: &Vault,
    failure: Failure,
    written: u64,
    changed: &str,
    session: &mut Session<'_>,
) -> Result<String, Failure> {
    match read(vault, Some(written), session).await {
        Ok(reply) if reply.is_good() => match is_same(&session.client, &reply, changed)? {
            true => Ok(written.to_string()),
            false => Err(conflict(&session.client)),
        },
        // A version that is deleted or destroyed meanwhile says so.
        Ok(reply) if reply.status == 404 && reply.part(&session.client, &["data"]).is_err() => {
            Err(failure)
        }
        _ => {
            let message = format!("{}; whether it was written is not known", failure.message);
            Err(Failure { message, ..failure })
        }
    }
}

fn conflict(client: &Client) -> Failure {
    client.failure(Kind::Conflict, "somebody else has written it meanwhile; nothing was changed")
}

async fn read(
    vault: &Vault,
    version: Option<u64>,
    session: &mut Session<'_>,
) -> Result<Reply, Failure> {
    let Vault { mount, path, .. } = vault;
    session.ask(&ReadSecretRequest { mount: mount.clone(), path: path.clone(), version }).await
}

/// The fields and the number of their version.
fn document_of<'a>(
    vault: &Vault,
    client: &Client,
    reply: &'a Reply,
) -> Result<(Object<'a>, u64), Failure> {
    if !reply.is_good() {
        return Err(refusal(vault, client, reply));
    }
    let data = reply.part(client, &["data"])?;
    let version = reply::inner(&data, "metadata")
        .and_then(|metadata| reply::number(&metadata, "version"))
        .ok_or_else(|| {
            let text = format!(
                "{} has no versions there; a KV 1 mount wants engine = \"kv1\"",
                client.address()
            );
            client.failure(Kind::Wrong, text)
        })?;
    let document = reply::inner(&data, "data").ok_or_else(|| refusal(vault, client, reply))?;
    Ok((document, version))
}

fn refusal(vault: &Vault, client: &Client, reply: &Reply) -> Failure {
    let Vault { mount, path, .. } = vault;
    let address = client.address();
    // A deleted version is not there, and its metadata says so.
    let metadata = reply.part(client, &["data", "metadata"]).unwrap_or_default();
    let version = reply::number(&metadata, "version").unwrap_or(0);
    if reply::truth(&metadata, "destroyed") {
        let text = format!("version {version} is destroyed and cannot come back; write a new one");
        return client.failure(Kind::Wrong, text);
    }
    if reply::text(&metadata, "deletion_time").is_some_and(|time| !time.is_empty()) {
        let text = format!(
            "version {version} is deleted; run: vault kv undelete -mount={mount} -versions={version} {path}"
        );
        return client.failure(Kind::Wrong, text);
    }
    match (reply.status, vault.version) {
        (404, Some(version)) => client.failure(
            Kind::Wrong,
            format!(
                "{address} has no version {version} there (HTTP 404); check version, mount and path"
            ),
        ),
        (status, _) => {
            let read = format!("{mount}/data/{path}");
            document::refusal(client, status, &read, "a KV 1 mount wants engine = \"kv1\"")
        }
    }
}

/// The newest first; what is deleted, destroyed or no longer kept is passed over.
async fn earlier(
    vault: &Vault,
    wanted: &[String],
    newest: u64,
    session: &mut Session<'_>,
) -> Result<Vec<(String, Secret)>, Failure> {
    let mut found = Vec::new();
    for version in (1..newest).rev().take(usize::try_from(EARLIER).unwrap_or(usize::MAX)) {
        let reply = read(vault, Some(version), session).await?;
        if reply.status == 404 {
            continue;
        }
        let (data, _) = document_of(vault, &session.client, &reply)?;
        for name in wanted {
            if let Some(value) = data.get(name).and_then(|value| document::value_of(value.get())) {
                found.push((name.clone(), value));
            }
        }
    }
    Ok(found)
}

/// The whole document with the changes; every other field as it was written, whatever it is.
fn changed(
    client: &Client,
    data: &Object<'_>,
    changes: &[Change],
) -> Result<Zeroizing<String>, Failure> {
    let broken = |_| reply::not_understood(client);
    let mut fields: BTreeMap<&str, Box<RawValue>> =
        data.iter().map(|(name, value)| (name.as_str(), (*value).to_owned())).collect();
    for change in changes {
        match &change.value {
            Some(value) => {
                fields.insert(&change.name, to_raw_value(value.expose()).map_err(broken)?);
            }
            None => {
                fields.remove(change.name.as_str());
            }
        }
    }
    serde_json::to_string(&fields).map(Zeroizing::new).map_err(broken)
}

/// Compared as what they mean: the store may write the same in another way.
fn is_same(client: &Client, reply: &Reply, wanted: &str) -> Result<bool, Failure> {
    let data = reply.part(client, &["data"])?;
    let Some(found) = data.get("data") else { return Ok(false) };
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    Ok(parsed(found.get()).is_some_and(|found| Some(found) == parsed(wanted)))
}
