#![forbid(unsafe_code)]
//! The real program against the real kernel. `tests/run` runs this three times: keybearer as root,
//! as root with three capabilities, and as an ordinary user.

mod harness;

mod audit;
mod aws;
mod azure;
mod cache;
mod canaries;
mod carried_keys;
mod celery;
mod check;
mod commands;
mod config;
mod control;
mod credentials;
mod demo_site;
mod directories;
mod docs;
mod env_files;
mod environment;
mod exit_codes;
mod first_process;
mod generating;
mod google;
mod hand_over;
mod helper;
mod hostile_site;
mod hup;
mod inherited;
mod init_and_key;
mod instances;
mod manager;
mod memory;
mod one_document;
mod other_servers;
mod postgres;
mod privileges;
mod readiness;
mod reaping;
mod rotation_load;
mod rotate;
mod schema;
mod signals;
mod sockets;
mod stop_then_start;
mod stopping;
mod stores;
mod streams;
mod terminal;
mod the_harness;
mod the_load;
mod tool;
mod two_generations;
mod vault;
mod watching;
