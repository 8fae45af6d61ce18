use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, getpid, getppid, setsid};

use super::account::{become_account, empty_bounding_set, errno};
use super::{Failure, Stage};
use crate::account::Account;
use crate::sys;

/// A process that works for keybearer and is not the site: the helper, or a command that is a source.
#[derive(Debug)]
pub struct Servant<'a> {
    account: &'a Account,
    /// What becomes 0, 1 and 2.
    streams: [BorrowedFd<'a>; 3],
    parent: Pid,
}

impl<'a> Servant<'a> {
    /// Before the fork.
    pub fn new(account: &'a Account, streams: [BorrowedFd<'a>; 3]) -> Servant<'a> {
        Servant { account, streams, parent: getpid() }
    }

    /// In the child: all that comes before its exec.
    pub fn prepare(&self) -> Result<(), Failure> {
        let at = |stage| move |error| Failure { stage, error };
        // No terminal of anybody's, and a group that can be killed as a whole.
        setsid().map_err(at(Stage::Session))?;
        self.place_descriptors().map_err(at(Stage::Descriptors))?;
        empty_bounding_set().map_err(at(Stage::Capabilities))?;
        become_account(self.account)?;
        self.follow_parent().map_err(at(Stage::ParentDeath))?;
        umask(Mode::from_bits_truncate(0o077));
        chdir("/").map_err(at(Stage::Directory))?;
        sys::reset_all();
        sys::unblock_all().map_err(|error| at(Stage::Signals)(errno(&error)))
    }

    /// Everything else closes itself on exec.
    fn place_descriptors(&self) -> Result<(), Errno> {
        let [input, output, complaints] = &self.streams;
        dup2_stdin(input)?;
        dup2_stdout(output)?;
        dup2_stderr(complaints)?;
        sys::place(&[]).map_err(|error| errno(&error))
    }

    /// Set after the ids, which clear it: PR_SET_PDEATHSIG(2const). Who died before is asked after.
    fn follow_parent(&self) -> Result<(), Errno> {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        if getppid() == self.parent { Ok(()) } else { Err(Errno::ESRCH) }
    }
}
