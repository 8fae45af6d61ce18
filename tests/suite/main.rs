#![forbid(unsafe_code)]
//! The real program against the real kernel. `tests/run` runs this three times: keybearer as root,
//! as root with three capabilities, and as an ordinary user.

mod harness;

mod commands;
mod demo_site;
mod docs;
mod environment;
mod exit_codes;
mod first_process;
mod hup;
mod privileges;
mod readiness;
mod credentials;
mod demo_site;
mod directories;
mod env_files;
mod exit_codes;
mod inherited;
mod reaping;
mod schema;
mod signals;
mod sockets;
mod stopping;
mod streams;
mod terminal;
mod the_harness;
