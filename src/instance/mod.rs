//! What a running instance has on this host: its directory, the claim to its name, and the place of
//! its control socket.

#![forbid(unsafe_code)]

mod claim;
mod error;
mod holder;
#[expect(clippy::module_inception)]
mod instance;
mod places;
mod running;
mod runtime_directory;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use instance::{Instance, lasting};
pub use running::{Running, find, running};
pub use runtime_directory::RuntimeDirectory;

/// The control socket's name in its directory.
pub const SOCKET: &str = "control.sock";
