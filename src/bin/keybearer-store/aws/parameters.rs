use std::collections::BTreeSet;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::Parameter;
use keybearer::config::AwsParameters;
use keybearer::helper::{Change, Failure, Got, Kind, SourceRequest, Written};
use keybearer::secrets::Secret;
use sha2::{Digest, Sha256};

use crate::deadline::Deadline;
use crate::retry;
use crate::text::shown;

use super::access;
use super::asked::Asked;

/// As many as GetParameters takes at once.
const BATCH: usize = 10;
/// Beyond this the version is a digest.
const LONGEST_VERSION: usize = 200;

pub async fn fetch(
    asked: &AwsParameters,
    source: &SourceRequest,
    deadline: Deadline,
) -> Result<Got, Failure> {
    let store = Store::open(asked, source, deadline).await?;
    let found = store.parameters(true).await?;
    let version = version(&found);
    let mut entries: Vec<(String, Secret)> = Vec::with_capacity(found.len());
    for Found { name, value, .. } in found {
        let last = last_part(&name).to_owned();
        if entries.iter().any(|(other, _)| *other == last) {
            let cause = format!("two parameters end in {}; rename one of them", shown(&last));
            return Err(store.wrong(&cause));
        }
        entries.push((last, value));
    }
    Ok(Got { entries, version: Some(version), used: store.used, ..Got::default() })
}

/// The values come with their versions, but here as they are stored, not decrypted.
pub async fn look(
    asked: &AwsParameters,
    source: &SourceRequest,
    deadline: Deadline,
) -> Result<Option<String>, Failure> {
    let store = Store::open(asked, source, deadline).await?;
    Ok(Some(version(&store.parameters(false).await?)))
}

/// Each step is one conditional write, and here there is none.
pub async fn write(
    _: &AwsParameters,
    source: &SourceRequest,
    _: &[Change],
    _: &str,
    _: Deadline,
) -> Result<Written, Failure> {
    let message = format!(
        "{}: parameters cannot be written conditionally; keep the Django keys in Secrets Manager",
        source.remote
    );
    Err(Failure::new(Kind::Wrong, message))
}

struct Found {
    /// The whole name, with its path.
    name: String,
    version: i64,
    value: Secret,
}

struct Store<'a> {
    asked: &'a AwsParameters,
    source: &'a SourceRequest,
    deadline: Deadline,
    client: Client,
    region: String,
    used: Vec<String>,
}

impl<'a> Store<'a> {
    async fn open(
        asked: &'a AwsParameters,
        source: &'a SourceRequest,
        deadline: Deadline,
    ) -> Result<Store<'a>, Failure> {
        let name = asked.path.as_ref().or_else(|| asked.names.first());
        let name = name.map(String::as_str).unwrap_or_default();
        let access = access::open(&asked.access, name, source, deadline).await?;
        let mut config = aws_sdk_ssm::config::Builder::from(&access.config);
        if let Some(endpoint) = &asked.access.endpoint {
            config = config.endpoint_url(endpoint);
        }
        let client = Client::from_conf(config.build());
        Ok(Store { asked, source, deadline, client, region: access.region, used: access.used })
    }

    fn ask(&self, action: &'static str) -> Asked<'_> {
        Asked { remote: &self.source.remote, region: &self.region, action }
    }

    fn wrong(&self, cause: &str) -> Failure {
        self.ask("").failed(Kind::Wrong, cause)
    }

    async fn parameters(&self, decrypted: bool) -> Result<Vec<Found>, Failure> {
        match &self.asked.path {
            Some(path) => self.under(path, decrypted).await,
            None => self.named(decrypted).await,
        }
    }

    async fn under(&self, path: &str, decrypted: bool) -> Result<Vec<Found>, Failure> {
        let ask = self.ask("ssm:GetParametersByPath");
        let mut found = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let page = self
                .client
                .get_parameters_by_path()
                .path(path)
                .recursive(true)
                .with_decryption(decrypted)
                .set_next_token(next);
            let page = retry::until(self.deadline, || async {
                page.clone().send().await.map_err(|error| ask.failure(&error))
            })
            .await?;
            for parameter in page.parameters.unwrap_or_default() {
                found.push(self.found(ask, parameter)?);
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                break;
            }
        }
        if found.is_empty() {
            return Err(self.wrong("there are none; check 'path' and the region"));
        }
        Ok(found)
    }

    async fn named(&self, decrypted: bool) -> Result<Vec<Found>, Failure> {
        let ask = self.ask("ssm:GetParameters");
        let mut found = Vec::new();
        let mut missing = BTreeSet::new();
        for names in self.asked.names.chunks(BATCH) {
            let batch = self
                .client
                .get_parameters()
                .set_names(Some(names.to_vec()))
                .with_decryption(decrypted);
            let batch = retry::until(self.deadline, || async {
                batch.clone().send().await.map_err(|error| ask.failure(&error))
            })
            .await?;
            // The answer is not asked for their names: only those of the config are shown.
            let invalid = batch.invalid_parameters.unwrap_or_default();
            missing.extend(names.iter().filter(|name| invalid.contains(name)));
            for parameter in batch.parameters.unwrap_or_default() {
                found.push(self.found(ask, parameter)?);
            }
        }
        if !missing.is_empty() {
            let missing: Vec<&str> = missing.into_iter().map(String::as_str).collect();
            return Err(self.wrong(&format!("not found: '{}'", missing.join("', '"))));
        }
        if found.len() < self.asked.names.len() {
            return Err(ask.failed(Kind::Unreachable, "the answer does not hold them all"));
        }
        Ok(found)
    }

    fn found(&self, ask: Asked<'_>, parameter: Parameter) -> Result<Found, Failure> {
        let value = parameter.value.map(Secret::new);
        match (parameter.name, value) {
            (Some(name), Some(value)) => Ok(Found { name, version: parameter.version, value }),
            _ => Err(ask.failed(Kind::Unreachable, "the answer is none of Systems Manager")),
        }
    }
}

/// "/example/prod/SECRET_KEY" is SECRET_KEY. So it is with a version or label asked for behind a colon,
/// which the store leaves out of the name, and so it is in an ARN.
fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// It changes with each of them, and when one comes or goes.
fn version(found: &[Found]) -> String {
    let mut parts: Vec<String> =
        found.iter().map(|one| format!("{}:{}", last_part(&one.name), one.version)).collect();
    parts.sort();
    let all = parts.join(",");
    match all.len() > LONGEST_VERSION {
        true => Sha256::digest(&all)[..16].iter().map(|byte| format!("{byte:02x}")).collect(),
        false => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, version: i64) -> Found {
        Found { name: name.to_owned(), version, value: Secret::new(String::new()) }
    }

    #[test]
    fn a_name_is_the_last_part() {
        assert_eq!(last_part("/example/prod/SECRET_KEY"), "SECRET_KEY");
        assert_eq!(last_part("SECRET_KEY"), "SECRET_KEY");
    }

    #[test]
    fn the_version_is_of_all_of_them_in_any_order() {
        let one = version(&[found("/a/B", 2), found("/a/A", 1)]);
        assert_eq!(one, "A:1,B:2");
        assert_eq!(version(&[found("/a/A", 1), found("/a/B", 2)]), one);
        let long = |last: i64| {
            let many: Vec<Found> = (0..100).map(|n| found(&format!("/a/NAME_{n}"), last)).collect();
            version(&many)
        };
        assert!(long(1).len() <= LONGEST_VERSION && long(1) != long(2));
    }
}
