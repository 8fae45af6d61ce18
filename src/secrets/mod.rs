//! Values that cannot be printed.

#![forbid(unsafe_code)]

mod fingerprint;
mod name;
mod secret;

pub use fingerprint::Fingerprint;
pub use name::{Name, NotAName};
pub use secret::Secret;
