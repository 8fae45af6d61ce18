//! The local sources: env file, directory, systemd credentials, inherited variables.

#![forbid(unsafe_code)]

mod fetched;

pub use fetched::{Entry, Fetched};
