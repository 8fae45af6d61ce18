#![forbid(unsafe_code)]
//! What every test of the suite stands on: the real program, started in a clean environment, in
//! one of three modes, always under a deadline.
//!
//! `tests/run` gives the tests namespaces and users of their own; see there and in tests/isolate.

mod account;
mod bench;
mod browser;
mod capture;
mod cloud;
mod deadline;
mod demo;
mod fifo;
mod http;
mod invocation;
pub mod load;
mod mode;
mod moto;
mod notify;
mod operated;
mod outcome;
mod postgres;
pub mod proc;
mod running;
mod store;
mod supervisor;
mod test_site;
mod vault;

pub use account::Account;
pub use bench::{Bench, keybearer, venv};
pub use browser::Browser;
pub use cloud::{CloudServer, with};
pub use deadline::{DEADLINE, eventually, eventually_within};
pub use demo::Demo;
pub use fifo::Fifo;
pub use http::{Request, Target, free_port};
pub use invocation::Invocation;
pub use mode::{Mode, show, skip};
pub use moto::Moto;
pub use notify::NotifySocket;
pub use operated::Operated;
pub use outcome::Outcome;
pub use postgres::Postgres;
pub use running::Running;
pub use store::{ask_starved_store, ask_store, without_tries};
pub use supervisor::Supervisor;
pub use test_site::{Listen, Sessions, TestSite, Worker};
pub use vault::{VaultServer, unique};

/// A good Django key, and the canary of every test that gives it away to a source.
pub const KEY: &str = "Zq3_7hTn-Vb1xKpLw9RsYc5JmGd0eFaUoXi2BtHk8NvQ4zCuMyW6EgSjDrPfAlO7";

/// One good key after another.
pub fn key(number: usize) -> String {
    format!("{number:0>8}{}", &KEY[8..])
}

pub(crate) use mode::{once, requires_root, requires_root_tests};
pub(crate) use supervisor::for_each_supervisor;
