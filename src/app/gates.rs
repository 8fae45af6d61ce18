use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use super::error::Error;
use super::prepare::Prepared;
use crate::config::Settings;
use crate::environment::Environment;
use crate::launch::{self, Plan, Wiring};
use crate::log;
use crate::supervise::{Outcome, Readiness, Step, Supervisor, Surroundings};
use crate::sys::Ending;

/// One command that must succeed in the new environment before a server starts in it.
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
    let check = settings.manage.iter().map(|manage| Gate {
        what: "'check --deploy'".to_owned(),
        command: with_arguments(manage, &["check", "--deploy"]),
    });
    before.chain(check).collect()
}

/// Runs them all as the site's user, their output as `run_to_end` has it. A TERM on the way ends the
/// one that runs, and says so.
pub fn pass(
    prepared: &Prepared,
    environment: &Environment,
    around: Surroundings<'_>,
    output: Option<BorrowedFd<'_>>,
) -> Result<(), Error> {
    for gate in gates(&prepared.settings) {
        log::info(format_args!("running {}", gate.what));
        let outcome = run_to_end(prepared, environment, around, &gate, output)?;
        match (outcome.ending, outcome.interrupted_by()) {
            (_, Some(signal)) => return Err(Error::Interrupted(signal)),
            (Ending::Code(0), None) => {}
            (ending, None) => return Err(Error::Gate { what: gate.what, ending }),
        }
    }
    Ok(())
}

/// One command from start to end, its output where keybearer's own goes, or into `output`.
pub fn run_to_end(
    prepared: &Prepared,
    environment: &Environment,
    around: Surroundings<'_>,
    gate: &Gate,
    output: Option<BorrowedFd<'_>>,
) -> Result<Outcome, Error> {
    let plan = Plan::new(&gate.command, environment, prepared.task())?;
    // It has not the terminal's foreground, and a question there would stop it for good.
    let nothing = File::open("/dev/null")
        .map_err(|error| Error::Kernel { what: "cannot open /dev/null", error })?;
    let process =
        launch::spawn(&plan, Wiring { input: Some(nothing.as_fd()), output, ..Wiring::default() })?;
    drop(plan);
    let mut supervisor = Supervisor::new(around, process, &gate.what, Readiness::Nothing, None);
    loop {
        let step = supervisor
            .wait_for_step()
            .map_err(|error| Error::Kernel { what: "cannot wait for a process", error })?;
        match step {
            // It was started with what was just fetched.
            Step::FetchAgain(_) => {}
            Step::Ended(outcome) => return Ok(outcome),
        }
    }
}

pub fn with_arguments(command: &[OsString], arguments: &[&str]) -> Vec<OsString> {
    command.iter().cloned().chain(arguments.iter().map(OsString::from)).collect()
}
