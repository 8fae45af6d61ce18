#![forbid(unsafe_code)]
//! The real program against the real kernel. `tests/run` runs this three times: keybearer as root,
//! as root with three capabilities, and as an ordinary user.

mod harness;

mod credentials;
mod demo_site;
mod directories;
mod env_files;
mod exit_codes;
mod inherited;
mod reaping;
mod schema;
mod signals;
mod streams;
mod the_harness;
