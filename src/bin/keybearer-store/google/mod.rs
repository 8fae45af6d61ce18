//! Google Secret Manager, asked by the few REST calls that it takes, on the HTTP and TLS that are linked
//! anyway. Google's own crate (google-cloud-secretmanager-v1 1.14) would add 82 crates, gRPC and a second
//! cryptographic library among them, to keep up with; its answers would also be kept in errors that print.

#![forbid(unsafe_code)]

mod access;
mod account;
mod claim;
mod crc32c;
mod external;
mod jwt;
mod metadata;
mod versions;
mod write;

use keybearer::config::GoogleSecret;
use keybearer::helper::{Change, Failure, Got, SourceRequest, Written};
use keybearer::secrets::Secret;

use crate::deadline::Deadline;
use crate::text::Content;
use versions::{Version, Versions};

/// How far back fallbacks are looked for.
const EARLIER: usize = 10;

pub async fn fetch(
    asked: &GoogleSecret,
    source: &SourceRequest,
    deadline: Deadline,
) -> Result<Got, Failure> {
    let versions = Versions::open(asked, source, deadline).await?;
    let version = match asked.version {
        Some(number) => versions.get(number).await?,
        None => versions.newest().await?,
    };
    let found = content(asked, version.text.expose()).entries();
    let found = found.map_err(|cause| versions.client.wrong(cause))?;
    let said = |warning: &String| format!("{}: {warning}", source.remote);
    let mut warnings: Vec<String> = found.warnings.iter().map(said).collect();
    let history = match asked.version {
        None if !source.history.is_empty() => {
            history(&versions, asked, source, &version, &mut warnings).await?
        }
        _ => Vec::new(),
    };
    let endpoint = asked.endpoint.as_deref().unwrap_or_default();
    let identity = format!("google-secret:{endpoint}:{}", version.of);
    Ok(Got {
        entries: found.entries,
        version: Some(version.number.to_string()),
        identity: Some(match &asked.key {
            Some(key) => format!("{identity}#{key}"),
            None => identity,
        }),
        history,
        warnings,
        ..Got::default()
    })
}

/// The wanted fields of the enabled versions before this one, the newest first.
async fn history(
    versions: &Versions<'_>,
    asked: &GoogleSecret,
    source: &SourceRequest,
    newest: &Version,
    warnings: &mut Vec<String>,
) -> Result<Vec<(String, Secret)>, Failure> {
    let Some(numbers) = versions.enabled_before(newest.number, EARLIER).await? else {
        warnings.push(format!(
            "{}: its earlier versions are left out: access denied; allow secretmanager.versions.list",
            source.remote
        ));
        return Ok(Vec::new());
    };
    let mut history = Vec::new();
    for number in numbers {
        // Disabled meanwhile, or of another form: nothing that a site should stop for.
        let Some(version) = versions.find(number).await?.enabled() else { continue };
        let Ok(found) = content(asked, version.text.expose()).entries() else { continue };
        let wanted = found.entries.into_iter().filter(|(name, _)| source.history.contains(name));
        history.extend(wanted);
    }
    Ok(history)
}

/// None where the account may read the values and not the list of versions.
pub async fn look(
    asked: &GoogleSecret,
    source: &SourceRequest,
    deadline: Deadline,
) -> Result<Option<String>, Failure> {
    if let Some(number) = asked.version {
        return Ok(Some(number.to_string()));
    }
    let versions = Versions::open(asked, source, deadline).await?;
    let number = versions.number_of_newest().await?;
    Ok(number.map(|number| number.to_string()))
}

pub async fn write(
    asked: &GoogleSecret,
    source: &SourceRequest,
    changes: &[Change],
    version: &str,
    deadline: Deadline,
) -> Result<Written, Failure> {
    let versions = Versions::open(asked, source, deadline).await?;
    if let Some(fixed) = asked.version {
        return Err(versions.client.wrong(format!(
            "it cannot be written while 'version = {fixed}' fixes what is read; take it out of the config"
        )));
    }
    let number = version.parse().map_err(|_| versions.client.conflict())?;
    let change = |text: &str| content(asked, text).with(changes);
    let written = write::write(&versions, number, change).await?;
    Ok(Written { version: written.to_string(), state: None })
}

fn content<'a>(asked: &'a GoogleSecret, text: &'a str) -> Content<'a> {
    Content::new(asked.key.as_deref(), asked.variable.as_ref(), text)
}
