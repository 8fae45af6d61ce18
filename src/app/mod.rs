//! One straight function per command.

#![forbid(unsafe_code)]

pub mod check;
pub mod completions;
pub mod exec;
mod fetch;
mod gates;
mod harden;
pub mod init;
pub mod key;
mod output;
mod prepare;
mod report;
pub mod run;

use std::process::ExitCode;

use crate::cli::{self, Command, Stop};
use crate::error::Error;
use crate::log;

/// Parses, runs, prints one error, answers with its exit code.
pub fn main() -> ExitCode {
    harden::early();
    let command = match cli::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(stop) => return ExitCode::from(say(&stop)),
    };
    let code = perform(command).unwrap_or_else(|error| {
        log::error(&error);
        error.code()
    });
    ExitCode::from(code)
}

fn perform(command: Command) -> Result<u8, Error> {
    match command {
        Command::Run(overrides) => run::run(overrides),
        Command::Exec(overrides) => exec::exec(overrides),
        Command::Check { overrides, json, full } => check::check(overrides, json, full),
        Command::Key => key::key(),
        Command::Init { directory, name, user } => init::init(&directory, name.as_deref(), user.as_ref()),
        Command::Completions(shell) => completions::completions(shell),
    }
}
