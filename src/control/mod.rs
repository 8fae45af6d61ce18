//! The control socket: one request a connection, one line of JSON each way.
//!
//! ```text
//! {"version":1,"command":"status"}
//! {"version":1,"status":{...}} or {"version":1,"round":{...}} or {"version":1,"error":{...}}
//! ```

#![forbid(unsafe_code)]

mod answer;
mod client;
mod connection;
#[expect(clippy::module_inception)]
mod control;
mod error;
mod fields;
mod peer;
mod request;
mod round;
mod status;
mod status_json;

#[cfg(test)]
mod socket_tests;
#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use client::{ask, ask_unless};
pub use control::{Control, Ticket};
pub use error::Error;
pub use peer::Peer;
pub use request::Request;
pub use round::{Outcome, RoundResult};
pub use status::{Carried, FailedFetch, KeyStatus, LastHandOver, SourceStatus, State, Status};

/// Of the protocol, and of what `status --json` prints: a field may come, none goes or changes its
/// meaning within a version.
pub const VERSION: u64 = 1;

/// A request is longer than this only by mistake or on purpose.
const REQUEST_LIMIT: usize = 4 * 1024;
/// More than the status of any instance.
const ANSWER_LIMIT: usize = 1024 * 1024;
