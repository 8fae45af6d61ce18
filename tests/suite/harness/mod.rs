#![forbid(unsafe_code)]
//! What every test of the suite stands on: the real program, started in a clean environment, in
//! one of three modes, always under a deadline.
//!
//! `tests/run` gives the tests namespaces and users of their own; see there and in tests/isolate.

mod account;
mod bench;
mod browser;
mod capture;
mod deadline;
mod demo;
mod fifo;
mod http;
mod invocation;
mod mode;
mod notify;
mod outcome;
mod postgres;
pub mod proc;
mod running;
mod supervisor;

pub use account::Account;
pub use bench::{Bench, keybearer, venv};
pub use browser::Browser;
pub use deadline::{DEADLINE, eventually};
pub use demo::Demo;
pub use fifo::Fifo;
pub use http::{Request, Target, free_port};
pub use invocation::Invocation;
pub use mode::{Mode, skip};
pub use notify::NotifySocket;
pub use outcome::Outcome;
pub use postgres::Postgres;
pub use running::Running;
pub use supervisor::Supervisor;

/// A good Django key, and the canary of every test that gives it away to a source.
pub const KEY: &str = "Zq3_7hTn-Vb1xKpLw9RsYc5JmGd0eFaUoXi2BtHk8NvQ4zCuMyW6EgSjDrPfAlO7";

pub(crate) use mode::{requires_root, requires_root_tests};
pub(crate) use supervisor::for_each_supervisor;
