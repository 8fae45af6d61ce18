//! What the sources hold, local ones and stores, under the site's names and one over the other.

#![forbid(unsafe_code)]

mod command;
mod credentials;
mod directory;
pub mod env_file;
mod environment;
mod error;
mod fetch;
mod fetched;
mod gathered;
mod remote;
mod selection;

pub use error::Error;
pub use fetch::{fetch, given_by};
pub use fetched::{Earlier, Entry, Fetched};
