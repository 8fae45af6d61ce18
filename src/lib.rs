//! keybearer carries a Django site's keys to its server.
//!
//! ```text
//! arguments + file -> Settings -> fetch -> Fetched -> validate -> Validated -> Environment -> Plan -> Generation
//!                                   |              hand-over: (Generation, Environment) -> Plan -> Generation
//!                                   |              rotate:    Document -> step -> Document, then a hand-over
//!                                   |                             |
//!                                   +-- stores -- helper ---------+
//!                                                   | one request, one answer
//!                                             keybearer-store -> AWS, Vault, Google, Azure
//! ```
//!
//! A value moves only to the right; each arrow is one function whose input and output are types
//! of their own, so that what is not validated cannot be started. The modules below stand in that
//! order from the bottom up, and a module uses only modules above it in this list.
//!
//! Local sources are read here. Stores are asked by the other executable, keybearer-store
//! (src/bin/keybearer-store/), a process without privileges for each job: `stores` remembers what must
//! survive between two of them, `helper` starts one and holds what both say to each other. Commands that
//! print secrets (`tools`) are processes of the same kind, of the operator's own. This library
//! links no network code, and what a helper answers is validated like any other source.

// `unsafe` is denied for the whole crate (Cargo.toml); `sys` alone is excepted.

pub mod exit;
pub mod sys;
pub mod moment;
pub mod splay;
pub mod timeout;
pub mod log;
pub mod secrets;
pub mod keyring;
pub mod users;
pub mod files;
pub mod config;
pub mod account;
pub mod privileges;
pub mod helper;
pub mod tools;
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
