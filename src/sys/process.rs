use std::io;

use nix::libc;
use nix::unistd::{ForkResult, Pid};

/// Which of the two processes this is.
#[derive(Debug)]
pub enum Forked {
    Parent(Pid),
    Child,
}

/// fork(2). The child must leave by exec or `exit_now` alone.
pub fn fork() -> io::Result<Forked> {
    // SAFETY: after fork in a process with several threads only async-signal-safe calls are
    // allowed. keybearer has one thread, always, so the child may allocate and use the library.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Forked::Parent(child)),
        ForkResult::Child => Ok(Forked::Child),
    }
}

/// Ends a forked child that could not exec: no destructor, no atexit handler, no flush of a buffer
/// that the parent will flush too. _exit(2)
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit takes a number and does not return.
    unsafe { libc::_exit(code) }
}
