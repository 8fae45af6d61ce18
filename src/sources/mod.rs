//! The local sources: env file, directory, systemd credentials, inherited variables.

#![forbid(unsafe_code)]

mod credentials;
mod directory;
pub mod env_file;
mod environment;
mod error;
mod fetch;
mod fetched;
mod gathered;
mod selection;

pub use error::Error;
pub use fetch::fetch;
pub use fetched::{Entry, Fetched};
