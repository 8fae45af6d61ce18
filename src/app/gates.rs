use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use nix::unistd::Pid;

use super::error::Error;
use super::prepare::{self, Prepared};
use crate::account::Account;
use crate::config::Settings;
use crate::environment::Environment;
use crate::launch::{self, Plan, Wiring};
use crate::log;
use crate::supervise::{Signals, Task, TaskEnd};
use crate::sys::Ending;

/// One command that must succeed in the new environment before a server starts in it.
#[derive(Debug, Clone)]
pub struct Gate {
    pub what: String,
    pub command: Vec<OsString>,
}

/// The `before` commands in their order, then Django's own check.
pub fn gates(settings: &Settings) -> Vec<Gate> {
    let before = settings.reload.before.iter().enumerate().map(|(index, command)| Gate {
        what: format!("the 'before' command {}", index + 1),
        command: command.clone(),
    });
    before.chain(settings.manage.iter().map(|manage| deploy(manage))).collect()
}

/// Django's own check of a site that visitors will reach.
pub fn deploy(manage: &[OsString]) -> Gate {
    let arguments = ["check", "--deploy"].map(OsString::from);
    let command = manage.iter().cloned().chain(arguments).collect();
    Gate { what: "'check --deploy'".to_owned(), command }
}

/// Runs them all as the site's user, their output as `start` has it. A TERM on the way ends the one
/// that runs, and says so.
pub fn pass(
    prepared: &Prepared,
    environment: &Environment,
    signals: &Signals,
    output: Option<BorrowedFd<'_>>,
) -> Result<(), Error> {
    for gate in gates(&prepared.settings) {
        log::info(format_args!("running {}", gate.what));
        let (settings, account) = (&prepared.settings, &prepared.account);
        let end = run_to_end(settings, account, environment, signals, &gate, output)?;
        verdict(&gate, end)?;
    }
    Ok(())
}

pub fn verdict(gate: &Gate, end: TaskEnd) -> Result<(), Error> {
    match (end.ending, end.interrupted_by) {
        (_, Some(signal)) => Err(Error::Interrupted(signal)),
        (Ending::Code(0), None) => Ok(()),
        (ending, None) => Err(Error::Gate { what: gate.what.clone(), ending }),
    }
}

/// One command from start to end.
pub fn run_to_end(
    settings: &Settings,
    account: &Account,
    environment: &Environment,
    signals: &Signals,
    gate: &Gate,
    output: Option<BorrowedFd<'_>>,
) -> Result<TaskEnd, Error> {
    let process = start_as(prepare::task(settings, account), environment, gate, output)?;
    let task = Task::new(process, &gate.what, settings.reload.drain);
    task.run_to_end(signals, None)
        .map_err(|error| Error::Kernel { what: "cannot wait for a process", error })
}

/// Starts one, its output where keybearer's own goes, or into `output`.
pub fn start(
    prepared: &Prepared,
    environment: &Environment,
    gate: &Gate,
    output: Option<BorrowedFd<'_>>,
) -> Result<Pid, Error> {
    start_as(prepared.task(), environment, gate, output)
}

fn start_as(
    task: launch::Task<'_>,
    environment: &Environment,
    gate: &Gate,
    output: Option<BorrowedFd<'_>>,
) -> Result<Pid, Error> {
    let plan = Plan::new(&gate.command, environment, task)?;
    // It has not the terminal's foreground, and a question there would stop it for good.
    let nothing = File::open("/dev/null")
        .map_err(|error| Error::Kernel { what: "cannot open /dev/null", error })?;
    let wiring = Wiring { input: Some(nothing.as_fd()), output, ..Wiring::default() };
    Ok(launch::spawn(&plan, wiring)?)
}
