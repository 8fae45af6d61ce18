//! Programs of the operator's that print secrets: `type = "command"`.
//!
//! Each runs under a user of its own choice, never root, with no capability, in a process group that is
//! killed as a whole when it is over. What it prints is read up to a limit and kept as it is; what it says
//! on standard error may quote a secret, and is counted and thrown away.

#![forbid(unsafe_code)]

mod error;
mod printed;
mod run;
mod start;
mod tool;

pub use error::Error;
pub use run::Run;
pub use tool::Tool;
