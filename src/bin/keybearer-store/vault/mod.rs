//! HashiCorp Vault and OpenBao.

use keybearer::config::Vault;
use keybearer::helper::{Change, Failure, Got, Held, Kind, Lease, SourceRequest, Written};

use crate::deadline::Deadline;

pub async fn fetch(_: &Vault, source: &SourceRequest, _: Deadline) -> Result<Got, Failure> {
    Err(Failure::new(Kind::Wrong, format!("{}: not built yet", source.remote)))
}

pub async fn look(_: &Vault, _: &SourceRequest, _: Deadline) -> Result<Option<String>, Failure> {
    Ok(None)
}

pub async fn write(
    _: &Vault,
    source: &SourceRequest,
    _: &[Change],
    _: &str,
    _: Deadline,
) -> Result<Written, Failure> {
    Err(Failure::new(Kind::Wrong, format!("{}: not built yet", source.remote)))
}

pub async fn renew(_: &Vault, held: &Held, _: Deadline) -> Result<Lease, Failure> {
    Err(Failure::new(Kind::Wrong, format!("{}: not built yet", held.source.remote)))
}

pub async fn revoke(_: &Vault, held: &Held, _: Deadline) -> Result<(), Failure> {
    Err(Failure::new(Kind::Wrong, format!("{}: not built yet", held.source.remote)))
}
