//! AWS: Secrets Manager and the parameter store.

#[cfg(feature = "aws-parameter-store")]
pub mod parameters;
#[cfg(feature = "aws-secrets-manager")]
pub mod secret;
