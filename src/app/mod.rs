//! One straight function per command.

#![forbid(unsafe_code)]

mod caching;
pub mod check;
pub mod completions;
mod error;
pub mod exec;
mod fallbacks;
mod fetch;
mod gates;
mod harden;
pub mod init;
mod instances;
pub mod key;
mod leases;
mod output;
mod prepare;
pub mod reload;
mod report;
pub mod rotate;
pub mod run;
pub mod status;

use std::process::ExitCode;

use crate::cli::{self, Command, Stop};
use crate::exit::Exit;
use crate::log;

use error::Error;
use output::{Unbuffered, print};

pub use output::Unwritable;

/// Parses, runs, prints one error, answers with its exit code.
pub fn main() -> ExitCode {
    harden::early();
    let result = match cli::parse(std::env::args_os()) {
        Ok(command) => perform(command),
        Err(stop) => explain(stop),
    };
    ExitCode::from(result.unwrap_or_else(|error| {
        log::error(&error);
        error.code()
    }))
}

fn perform(command: Command) -> Result<u8, Error> {
    match command {
        Command::Run(overrides) => run::run(overrides),
        Command::Exec(overrides) => exec::exec(overrides),
        Command::Check { overrides, json, full } => check::check(overrides, json, full),
        Command::Rotate(options) => rotate::rotate(options),
        Command::Reload(name) => reload::reload(name),
        Command::Status { name, form } => status::status(name, form),
        Command::Key => Ok(key::run(&mut Unbuffered)?).map(|()| 0),
        Command::Init { directory, name, user } => {
            init::run(&directory, name.as_deref(), user.as_ref(), &mut Unbuffered)?;
            Ok(0)
        }
        Command::Completions(shell) => {
            completions::run(shell, &mut Unbuffered)?;
            Ok(0)
        }
    }
}

/// There is no command to carry out: help that was asked for, help in place of a command, or a word
/// about what is wrong.
fn explain(stop: Stop) -> Result<u8, Error> {
    let code = stop.exit().map_or(0, Exit::code);
    match stop {
        Stop::Shown(text) => print(&mut Unbuffered, text.as_bytes())?,
        Stop::NoCommand(help) => log::plain(&help),
        Stop::Usage(line) => log::error(line),
    }
    Ok(code)
}
