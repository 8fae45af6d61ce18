use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use keybearer::helper::{Failure, Kind};

use super::cause::Cause;
use super::{loader, trust};

/// Who this machine is to AWS, for a store that is not of AWS: by what the SDK finds, asked once. The CA of
/// that store's own `ca-file` has no part in it.
pub async fn found() -> Result<Credentials, Failure> {
    let failure = |cause: Cause| Failure::new(cause.kind, cause.text);
    let http_client = trust::of_the_system()
        .ok_or_else(|| Failure::new(Kind::Wrong, "no CA certificates can be used"))?;
    let config = loader::with(http_client).load().await;
    let provider =
        config.credentials_provider().ok_or_else(|| failure(Cause::refused("no credentials")))?;
    provider.provide_credentials().await.map_err(|error| failure(Cause::of(&error)))
}
