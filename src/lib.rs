//! keybearer carries a Django site's keys to its server.
//!
//! ```text
//! arguments + file -> Settings -> fetch -> Fetched -> validate -> Validated -> Environment -> Plan -> Generation
//!                                                  hand-over: (Generation, Environment) -> Plan -> Generation
//!                                                  rotate:    Document -> step -> Document, then a hand-over
//! ```
//!
//! A value moves only to the right; each arrow is one function whose input and output are types
//! of their own, so that what is not validated cannot be started. The modules below stand in that
//! order from the bottom up, and a module uses only modules above it in this list.

// `unsafe` is denied for the whole crate (Cargo.toml); `sys` alone is excepted.

pub mod exit;
pub mod sys;
pub mod moment;
pub mod log;
pub mod secrets;
pub mod keyring;
pub mod users;
pub mod files;
pub mod config;
pub mod account;
pub mod privileges;
pub mod helper;
pub mod stores;
pub mod sources;
pub mod schema;
pub mod documents;
pub mod environment;
pub mod server;
pub mod instance;
pub mod launch;
pub mod control;
pub mod supervise;
pub mod cli;
pub mod app;
