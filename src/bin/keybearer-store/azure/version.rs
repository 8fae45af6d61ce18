use std::time::{SystemTime, UNIX_EPOCH};

use keybearer::secrets::Secret;
use serde_json::{Map, Value};

/// One version of a secret, with what Azure keeps beside its value.
pub struct Version {
    pub version: String,
    pub text: Secret,
    pub content_type: Option<String>,
    pub tags: Map<String, Value>,
    /// When it may be used, in seconds of the epoch.
    pub from: Option<u64>,
    pub until: Option<u64>,
}

/// One version in a list, without its value.
pub struct Listed {
    pub version: String,
    pub created: u64,
    pub enabled: bool,
}

impl Version {
    pub fn of(answer: &Value) -> Option<Version> {
        let attributes = &answer["attributes"];
        Some(Version {
            version: version_of(answer)?,
            text: Secret::new(answer["value"].as_str()?.to_owned()),
            content_type: answer["contentType"].as_str().map(str::to_owned),
            tags: answer["tags"].as_object().cloned().unwrap_or_default(),
            from: attributes["nbf"].as_u64(),
            until: attributes["exp"].as_u64(),
        })
    }

    /// Azure hands it out all the same: for a site that runs with it, stopping would be worse.
    pub fn warning(&self) -> Option<&'static str> {
        let now = now();
        if self.until.is_some_and(|until| until <= now) {
            return Some(
                "it has expired (its exp attribute); write a new version, or move the date",
            );
        }
        if self.from.is_some_and(|from| from > now) {
            return Some("it is not to be used yet (its nbf attribute); move the date");
        }
        None
    }
}

impl Listed {
    pub fn of(item: &Value) -> Option<Listed> {
        let attributes = &item["attributes"];
        Some(Listed {
            version: version_of(item)?,
            created: attributes["created"].as_u64().unwrap_or(0),
            enabled: attributes["enabled"].as_bool().unwrap_or(true),
        })
    }
}

/// The last part of https://VAULT/secrets/NAME/VERSION.
fn version_of(item: &Value) -> Option<String> {
    let version = item["id"].as_str()?.rsplit('/').next()?;
    let good = |c: char| c.is_ascii_alphanumeric();
    (!version.is_empty() && version.chars().all(good)).then(|| version.to_owned())
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
