//! Values that cannot be printed.

#![forbid(unsafe_code)]

mod fingerprint;
mod generate;
mod name;
mod secret;

pub use fingerprint::{Fingerprint, NotAFingerprint};
pub use generate::{NoRandomness, generate, generate_of};
pub use name::{Name, NotAName};
pub use secret::Secret;
