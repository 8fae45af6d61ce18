use std::error::Error;

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use keybearer::config::Remote;
use keybearer::helper::{Failure, Kind};

use super::cause::Cause;
use super::codes;

/// One call, as the messages about it name it.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub remote: &'a Remote,
    pub region: &'a str,
    /// As policies call it.
    pub action: &'static str,
}

impl Asked<'_> {
    pub fn failed(self, kind: Kind, cause: &str) -> Failure {
        Failure::new(kind, format!("{} in {}: {cause}", self.remote, self.region))
    }

    /// What the SDK says is never shown: it holds what the store said.
    pub fn failure<E>(self, error: &SdkError<E>) -> Failure
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let cause = match error {
            SdkError::ServiceError(context) => {
                let error = context.err();
                // The code for a key that may not be used is that of the secret itself.
                let code = match error.code() {
                    Some("AccessDeniedException") if error.message().is_some_and(about_kms) => {
                        Some("KMSAccessDeniedException")
                    }
                    code => code,
                };
                codes::answered(code, context.raw().status().as_u16(), self.action)
            }
            SdkError::TimeoutError(_) => Cause::unreachable("no answer"),
            SdkError::ResponseError(context) => Cause::cut(error, context.raw().status().as_u16()),
            other => Cause::of(other),
        };
        self.failed(cause.kind, &cause.text)
    }
}

fn about_kms(message: &str) -> bool {
    message.contains("KMS")
}
