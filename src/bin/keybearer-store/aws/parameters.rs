use keybearer::config::AwsParameters;
use keybearer::helper::{Change, Failure, Got, Kind, SourceRequest, Written};

use crate::deadline::Deadline;

pub async fn fetch(_: &AwsParameters, source: &SourceRequest, _: Deadline) -> Result<Got, Failure> {
    Err(Failure::new(Kind::Wrong, format!("{}: not built yet", source.remote)))
}

pub async fn look(
    _: &AwsParameters,
    _: &SourceRequest,
    _: Deadline,
) -> Result<Option<String>, Failure> {
    Ok(None)
}

pub async fn write(
    _: &AwsParameters,
    source: &SourceRequest,
    _: &[Change],
    _: &str,
    _: Deadline,
) -> Result<Written, Failure> {
    Err(Failure::new(Kind::Wrong, format!("{}: not built yet", source.remote)))
}
