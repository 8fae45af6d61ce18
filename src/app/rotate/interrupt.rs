use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::Signal;

use crate::app::error::Error;
use crate::stores;
use crate::supervise::Signals;

/// A signal that ends a rotation. It ends between two steps or while an instance is waited for, and
/// never in the middle of a write.
pub(super) struct Interrupt {
    pub signals: Signals,
    by: Cell<Option<Signal>>,
}

impl Interrupt {
    pub fn take() -> Result<Interrupt, Error> {
        let signals = Signals::take()
            .map_err(|error| Error::Kernel { what: "cannot take signals", error })?;
        Ok(Interrupt { signals, by: Cell::new(None) })
    }

    /// The first one that has come so far.
    pub fn by(&self) -> Option<Signal> {
        while let Some(arrival) = self.signals.next() {
            let ends = match arrival.signal {
                Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT => true,
                // The terminal went away, or the shell in it.
                Signal::SIGHUP => true,
                _ => false,
            };
            if ends && self.by.get().is_none() {
                self.by.set(Some(arrival.signal));
            }
        }
        self.by.get()
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }
}

impl stores::Interrupt for Interrupt {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }

    fn came(&self) -> Option<Signal> {
        self.by()
    }
}
