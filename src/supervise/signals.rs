use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, Uid};

use crate::stores;

/// What a server may want, and what the supervisor itself lives by.
const TAKEN: [Signal; 10] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGWINCH,
    Signal::SIGCHLD,
];

/// Signals as events to be read. They are blocked from the first moment on, so that none is lost and
/// none kills, even for PID 1, which the kernel would let ignore them: signalfd(2), signal(7).
#[derive(Debug)]
pub struct Signals {
    descriptor: SignalFd,
    /// A HUP that came before there was a server to act on it for.
    kept: Cell<Option<Arrival>>,
}

/// One signal and who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub signal: Signal,
    /// The terminal's own HUP has no sender: sigaction(2), SI_KERNEL.
    pub from_kernel: bool,
    pub sender: Pid,
    pub user: Uid,
}

impl Signals {
    /// Blocks what is taken.
    pub fn take() -> io::Result<Signals> {
        let mask: SigSet = TAKEN.into_iter().collect();
        mask.thread_set_mask()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Signals { descriptor: SignalFd::with_flags(&mask, flags)?, kept: Cell::new(None) })
    }

    /// The next one that is there, without waiting.
    pub fn next(&self) -> Option<Arrival> {
        // The descriptor does not block and is ours for life; an error means that nothing is there.
        let info = self.descriptor.read_signal().ok().flatten()?;
        let signal = Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()?;
        Some(Arrival {
            signal,
            from_kernel: info.ssi_code == nix::libc::SI_KERNEL,
            sender: Pid::from_raw(i32::try_from(info.ssi_pid).unwrap_or(0)),
            user: Uid::from_raw(info.ssi_uid),
        })
    }

    /// Whether somebody asked for the end before there is a server that could be told.
    pub fn asked_to_end(&self) -> Option<Signal> {
        while let Some(arrival) = self.next() {
            match arrival.signal {
                Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT => return Some(arrival.signal),
                Signal::SIGHUP if arrival.from_kernel => return Some(Signal::SIGHUP),
                Signal::SIGHUP => self.keep(arrival),
                _ => {}
            }
        }
        None
    }

    pub fn keep(&self, hup: Arrival) {
        self.kept.set(Some(hup));
    }

    pub fn take_kept(&self) -> Option<Arrival> {
        self.kept.take()
    }
}

impl stores::Interrupt for Signals {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }

    fn came(&self) -> Option<Signal> {
        self.asked_to_end()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl std::fmt::Display for Arrival {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.from_kernel {
            true => write!(f, "{} from the kernel", self.signal),
            false => write!(f, "{} from pid {}, uid {}", self.signal, self.sender, self.user),
        }
    }
}
