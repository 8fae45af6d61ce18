//! AWS: Secrets Manager and the parameter store.

mod access;
mod asked;
mod bounded;
mod cause;
mod codes;
mod trust;

#[cfg(feature = "aws-secrets-manager")]
mod versions;

#[cfg(feature = "aws-parameter-store")]
pub mod parameters;
#[cfg(feature = "aws-secrets-manager")]
pub mod secret;
