//! AWS: Secrets Manager and the parameter store, and the identity that a Vault may be logged in to with.

mod access;
mod asked;
mod bounded;
mod cause;
mod codes;
#[cfg(feature = "vault")]
pub mod identity;
pub mod instance;
mod loader;
mod trust;

#[cfg(feature = "aws-secrets-manager")]
mod versions;

#[cfg(feature = "aws-parameter-store")]
pub mod parameters;
#[cfg(feature = "aws-secrets-manager")]
pub mod secret;
