use std::os::fd::BorrowedFd;

use nix::sys::signal::Signal;

/// Somebody may want the end while a store is waited for.
pub trait Interrupt {
    fn descriptor(&self) -> BorrowedFd<'_>;
    fn came(&self) -> Option<Signal>;
}
