//! AWS: the helper asked as keybearer asks it, against moto over TLS and against answers that go wrong.

mod credentials;
mod failing;
mod parameters;
mod reading;
mod sso;
mod writing;

use std::time::Duration;

use keybearer::config::{AwsSecret, Remote};
use keybearer::helper::{
    Answer, Change, Failure, Got, Kind, Request, SourceRequest, Work, Write, Written,
};
use keybearer::secrets::Secret;

use crate::harness::{Moto, ask_store, without_tries};

const WITHIN: Duration = Duration::from_secs(20);

fn fetched(
    source: SourceRequest,
    within: Duration,
    variables: &[(&str, String)],
) -> Result<Got, Failure> {
    let request = Request { within, work: Work::Fetch(vec![source]) };
    match ask(&request, variables) {
        Answer::Fetched(mut results) if results.len() == 1 => results.remove(0),
        other => panic!("{other:?}"),
    }
}

fn fetch(moto: &Moto<'_>, secret: AwsSecret) -> Result<Got, Failure> {
    fetched(moto.source(Remote::AwsSecret(secret)), WITHIN, &moto.variables())
}

fn look(moto: &Moto<'_>, secret: AwsSecret) -> Result<Option<String>, Failure> {
    let source = moto.source(Remote::AwsSecret(secret));
    let request = Request { within: WITHIN, work: Work::Look(vec![source]) };
    match ask(&request, &moto.variables()) {
        Answer::Looked(mut results) if results.len() == 1 => results.remove(0),
        other => panic!("{other:?}"),
    }
}

fn write(
    moto: &Moto<'_>,
    secret: AwsSecret,
    changes: &[(&str, Option<&str>)],
    version: &str,
) -> Result<Written, Failure> {
    write_within(WITHIN, moto, secret, changes, version)
}

fn write_within(
    within: Duration,
    moto: &Moto<'_>,
    secret: AwsSecret,
    changes: &[(&str, Option<&str>)],
    version: &str,
) -> Result<Written, Failure> {
    let changes = changes.iter().map(|(name, value)| Change {
        name: (*name).to_owned(),
        value: value.map(|value| Secret::new(value.to_owned())),
    });
    let source = moto.source(Remote::AwsSecret(secret));
    let job = Write { source, changes: changes.collect(), version: version.to_owned() };
    let request = Request { within, work: Work::Write(Box::new(job)) };
    match ask(&request, &moto.variables()) {
        Answer::Written(result) => result,
        other => panic!("{other:?}"),
    }
}

fn ask(request: &Request, variables: &[(&str, String)]) -> Answer {
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    ask_store(request, &variables)
}

fn pairs(entries: &[(String, Secret)]) -> Vec<(&str, &str)> {
    entries.iter().map(|(name, value)| (name.as_str(), value.expose())).collect()
}

#[track_caller]
fn refuses<T: std::fmt::Debug>(result: Result<T, Failure>, kind: Kind, message: &str) {
    let failure = result.unwrap_err();
    assert_eq!((failure.kind, &*without_tries(&failure.message)), (kind, message));
    assert_eq!(failure.state, None);
}
