use std::fmt::Write;

use keybearer::config::AwsSecret;
use keybearer::helper::{Change, Failure, Got, Kind, SourceRequest, Written};
use keybearer::secrets::Secret;

use crate::deadline::Deadline;
use crate::text::Content;

use super::versions::{CURRENT, PREVIOUS, Versions, Which};

pub async fn fetch(
    asked: &AwsSecret,
    source: &SourceRequest,
    deadline: Deadline,
) -> Result<Got, Failure> {
    let versions = Versions::open(asked, source, deadline).await?;
    let version = versions.get(versions.wanted()).await?;
    let found = content(asked, version.text.expose()).entries();
    let found = found.map_err(|cause| versions.wrong(&cause))?;
    let mut warnings: Vec<String> =
        found.warnings.iter().map(|warning| format!("{}: {warning}", source.remote)).collect();
    let history = history(&versions, asked, source, &mut warnings).await?;
    Ok(Got {
        entries: found.entries,
        version: Some(version.id),
        identity: version.arn.map(|arn| match &asked.key {
            Some(key) => format!("{arn}#{key}"),
            None => arn,
        }),
        history,
        used: versions.used,
        warnings,
        ..Got::default()
    })
}

/// The wanted fields of the version before the current one. That there is none is how every secret starts.
async fn history(
    versions: &Versions<'_>,
    asked: &AwsSecret,
    source: &SourceRequest,
    warnings: &mut Vec<String>,
) -> Result<Vec<(String, Secret)>, Failure> {
    let Which::Stage(CURRENT) = versions.wanted() else { return Ok(Vec::new()) };
    if source.history.is_empty() {
        return Ok(Vec::new());
    }
    let Some(previous) = versions.find(Which::Stage(PREVIOUS)).await? else {
        return Ok(Vec::new());
    };
    match content(asked, previous.text.expose()).entries() {
        Ok(found) => Ok(found
            .entries
            .into_iter()
            .filter(|(name, _)| source.history.contains(name))
            .collect()),
        Err(cause) => {
            warnings
                .push(format!("{}: its version {PREVIOUS} is left out: {cause}", source.remote));
            Ok(Vec::new())
        }
    }
}

pub async fn look(
    asked: &AwsSecret,
    source: &SourceRequest,
    deadline: Deadline,
) -> Result<Option<String>, Failure> {
    let versions = Versions::open(asked, source, deadline).await?;
    match versions.wanted() {
        Which::Id(id) => Ok(Some(id.to_owned())),
        Which::Stage(stage) => versions.id_of(stage).await.map(Some),
    }
}

/// First a version that nobody reads; then it becomes the current one, if what it was made from still is.
/// Whatever fails, each version that was there is still there.
pub async fn write(
    asked: &AwsSecret,
    source: &SourceRequest,
    changes: &[Change],
    version: &str,
    deadline: Deadline,
) -> Result<Written, Failure> {
    if asked.stage.is_some() || asked.version.is_some() {
        let message = format!(
            "{}: only the current version is written; leave 'stage' and 'version' out",
            source.remote
        );
        return Err(Failure::new(Kind::Wrong, message));
    }
    let versions = Versions::open(asked, source, deadline).await?;
    let current = versions.get(Which::Stage(CURRENT)).await?;
    if current.id != version {
        return Err(versions.conflict());
    }
    let text = content(asked, current.text.expose()).with(changes);
    let text = text.map_err(|cause| versions.wrong(&cause))?;
    let text = Secret::new(text.as_str().to_owned());
    if text == current.text {
        return Ok(Written { version: current.id, state: None });
    }
    let id = new_id(source)?;
    versions.put(&id, &text, current.binary).await?;
    let moved = versions.make_current(&id, version).await;
    let written = verify(&versions, &id, version, &text, moved).await;
    versions.drop_pending(&id).await;
    written.map(|()| Written { version: id, state: None })
}

fn content<'a>(asked: &'a AwsSecret, text: &'a str) -> Content<'a> {
    Content::new(asked.key.as_deref(), asked.variable.as_ref(), text)
}

/// An answer that was lost looks like a failure: what is current now tells.
async fn verify(
    versions: &Versions<'_>,
    id: &str,
    before: &str,
    text: &Secret,
    moved: Result<(), Failure>,
) -> Result<(), Failure> {
    let current = match versions.get(Which::Stage(CURRENT)).await {
        Ok(current) => current,
        Err(failure) => return Err(moved.err().unwrap_or(failure)),
    };
    if current.id == id {
        return match current.text == *text {
            true => Ok(()),
            false => Err(versions.wrong("what was written is not what was read back")),
        };
    }
    match moved {
        Err(failure) if current.id == before => Err(failure),
        _ => Err(versions.conflict()),
    }
}

/// The same for every attempt of this write. It is drawn and not made of the content: whoever may list
/// the versions could try guesses against that.
fn new_id(source: &SourceRequest) -> Result<String, Failure> {
    let mut drawn = [0; 16];
    keybearer::sys::random(&mut drawn).map_err(|_| {
        let message = format!("{}: the kernel gave no random bytes", source.remote);
        Failure::new(Kind::Wrong, message)
    })?;
    let mut id = String::from("keybearer-");
    for byte in drawn {
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    Ok(id)
}
