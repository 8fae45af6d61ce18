use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::signal::{Signal, kill, killpg, raise};
use nix::unistd::{Pid, getpgrp, isatty, tcgetpgrp, tcsetpgrp};

/// The controlling terminal, where keybearer was started in its foreground. The server gets the
/// foreground for itself, so that its reads and the keys of the terminal reach it and not keybearer:
/// credentials(7), tcsetpgrp(3). TTOU is blocked in keybearer, which lets it do this from behind.
#[derive(Debug)]
pub struct Terminal {
    descriptor: OwnedFd,
    own: Pid,
}

impl Terminal {
    pub fn open() -> Option<Terminal> {
        let stdin = std::io::stdin();
        let own = getpgrp();
        let ours = isatty(&stdin).unwrap_or(false) && tcgetpgrp(&stdin) == Ok(own);
        let descriptor = stdin.as_fd().try_clone_to_owned().ok().filter(|_| ours)?;
        Some(Terminal { descriptor, own })
    }

    pub fn is_gone(&self) -> bool {
        tcgetpgrp(&self.descriptor).is_err()
    }

    /// The foreground, for one that did not start in it: where keybearer or the one `before` has it. A
    /// shell that has put all of them into the background keeps what it took.
    pub fn give_to(&self, server: Pid, before: Option<Pid>) {
        let has = tcgetpgrp(&self.descriptor).ok();
        if has == Some(self.own) || has.is_some() && has == before {
            let _ = tcsetpgrp(&self.descriptor, server);
        }
    }

    pub fn take_back(&self) {
        let _ = tcsetpgrp(&self.descriptor, self.own);
    }

    /// The server was stopped from the keyboard: keybearer stops as well, so that the shell goes on;
    /// when the shell continues it, so does the server, in the foreground where the shell gave that.
    /// TSTP, not STOP: where no shell could continue it, as in a container, the kernel lets it pass
    /// (signal(7), orphaned process groups), and the server goes on at once.
    pub fn stop_with(&self, server: Pid) {
        self.take_back();
        let _ = raise(Signal::SIGTSTP);
        if tcgetpgrp(&self.descriptor) == Ok(self.own) {
            let _ = tcsetpgrp(&self.descriptor, server);
        }
        if killpg(server, Signal::SIGCONT).is_err() {
            let _ = kill(server, Signal::SIGCONT);
        }
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.take_back();
    }
}
