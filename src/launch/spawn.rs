use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, getpid, getppid, setpgid, tcsetpgrp};

use super::enter::{self, enter};
use super::{LaunchError, Plan};
use crate::privileges::{Failure, Stage, in_child};

/// Where a new process's output goes, and who has the terminal.
#[derive(Debug, Default, Clone, Copy)]
pub struct Wiring<'a> {
    /// The sockets to hand over, with their names.
    pub sockets: &'a [(BorrowedFd<'a>, String)],
    /// The terminal whose foreground the process shall have.
    pub terminal: Option<BorrowedFd<'a>>,
    /// Standard input, where it is not keybearer's own.
    pub input: Option<BorrowedFd<'a>>,
    /// Takes standard output and error; else they are keybearer's own.
    pub output: Option<BorrowedFd<'a>>,
}

/// Starts the plan's process in a group of its own, and waits until exec has worked or said why not.
pub fn spawn(plan: &Plan, wiring: Wiring<'_>) -> Result<Pid, LaunchError> {
    let supervisor = getpid();
    // Out of the way of the sockets, which will be placed from 3 upward.
    let above = i32::try_from(wiring.sockets.len()).unwrap_or(i32::MAX - 3) + 3;
    in_child(above, || Err(child(plan, wiring, supervisor)))
        .map_err(|unborn| LaunchError::from_unborn(unborn, plan))
}

/// Whether the site's user could start the command; a process tries it and ends.
pub fn rehearse(plan: &Plan) -> Result<(), LaunchError> {
    let child = in_child(3, || enter::rehearse(plan))
        .map_err(|unborn| LaunchError::from_unborn(unborn, plan))?;
    let _ = nix::sys::wait::waitpid(child, None);
    Ok(())
}

/// Becomes the command: the process stays, keybearer goes.
pub fn become_command(plan: &Plan, sockets: &[(BorrowedFd<'_>, String)]) -> LaunchError {
    let Err(failure) = enter(plan, sockets, || Ok(()));
    LaunchError::from_failure(failure, plan)
}

/// To the server's first process alone.
pub fn signal(process: Pid, signal: Signal) -> Result<(), Errno> {
    kill(process, signal)
}

/// The last resort, to the process and its whole group; what is gone is no error.
pub fn kill_group(process: Pid) -> Result<(), Errno> {
    let group = killpg(process, Signal::SIGKILL);
    // It may have left its group; its zombie at least keeps its id from being somebody else's.
    let alone = kill(process, Signal::SIGKILL);
    match group.or(alone) {
        Err(Errno::ESRCH) => Ok(()),
        other => other,
    }
}

fn child(plan: &Plan, wiring: Wiring<'_>, supervisor: Pid) -> Failure {
    let at = |stage| move |error| Failure { stage, error };
    let prepare = || {
        setpgid(Pid::from_raw(0), Pid::from_raw(0)).map_err(at(Stage::Group))?;
        if let Some(terminal) = wiring.terminal {
            // TTOU is still blocked here, so that a background group may do this: tcsetpgrp(3).
            tcsetpgrp(terminal, getpid()).map_err(at(Stage::Group))?;
        }
        if let Some(input) = wiring.input {
            dup2_stdin(input).map_err(at(Stage::Descriptors))?;
        }
        if let Some(output) = wiring.output {
            dup2_stdout(output).map_err(at(Stage::Descriptors))?;
            dup2_stderr(output).map_err(at(Stage::Descriptors))?;
        }
        Ok(())
    };
    // Set after the ids, which clear it: PR_SET_PDEATHSIG(2const). Who died before is asked after.
    let follow = || {
        prctl::set_pdeathsig(Signal::SIGTERM).map_err(at(Stage::ParentDeath))?;
        if getppid() == supervisor { Ok(()) } else { Err(at(Stage::ParentDeath)(Errno::ESRCH)) }
    };
    if let Err(failure) = prepare() {
        return failure;
    }
    let Err(failure) = enter(plan, wiring.sockets, follow);
    failure
}
