//! What a running instance has on this host: its directory and the claim to its name.

#![forbid(unsafe_code)]

mod claim;
mod runtime_directory;

pub use claim::Instance;
pub use runtime_directory::RuntimeDirectory;
