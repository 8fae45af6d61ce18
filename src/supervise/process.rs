use std::io;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::launch;
use crate::log;
use crate::sys::{self, Change, Ending};

/// A child that was started with a process group of its own.
#[derive(Debug)]
pub(super) struct Process {
    pub pid: Pid,
    /// For messages: `the server`, `the 'before' command 1`.
    pub what: String,
}

impl Process {
    /// To its first process alone.
    pub fn tell(&self, signal: Signal) {
        if let Err(error) = launch::signal(self.pid, signal) {
            log::error(format_args!(
                "cannot send {signal} to {} (pid {}): {error}",
                self.what, self.pid
            ));
        }
    }

    pub fn kill_group(&self) {
        if let Err(error) = launch::kill_group(self.pid) {
            log::error(format_args!(
                "cannot kill the process group of {} ({}): {error}",
                self.what, self.pid
            ));
        }
    }

    /// What is new about it. When it has ended its group is killed while its zombie still holds the
    /// group's id, and then it is reaped: it must not be asked again.
    pub fn look(&self) -> io::Result<Option<Change>> {
        let news = sys::look_at(self.pid)?;
        match news {
            Some(Change::Ended(_)) => {
                self.kill_group();
                sys::reap(self.pid)?;
            }
            Some(Change::Stopped) => sys::acknowledge_stop(self.pid)?,
            None => {}
        }
        Ok(news)
    }

    /// For one that has ended: whether the rest of its group is gone too. Nothing is sent: kill(2).
    pub fn group_is_gone(&self) -> bool {
        killpg(self.pid, None) == Err(Errno::ESRCH)
    }
}

/// The end of a change, if it is one.
pub(super) fn ending(change: Change) -> Option<Ending> {
    match change {
        Change::Ended(ending) => Some(ending),
        Change::Stopped => None,
    }
}
