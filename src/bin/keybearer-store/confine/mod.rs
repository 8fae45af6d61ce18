//! What the helper gives up before it speaks to anybody: it reads what is on the network, and whoever
//! should get hold of it there finds no program to start, no file to write and no process to reach.
//!
//! It has no privilege before this already (its user, its capabilities); a kernel or a container that
//! lacks one of the two does without it.

mod calls;
mod files;
#[cfg(test)]
mod tests;

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

/// First of all: nobody of the same user looks into it, and it leaves no core. A panic, which could hold
/// a value, says nothing: keybearer sees the signal.
pub fn harden() {
    let _ = prctl::set_dumpable(false);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    // Started by a descriptor, it would have the descriptor's number for a name: execveat(2).
    let _ = prctl::set_name(c"keybearer-store");
    std::panic::set_hook(Box::new(|_| std::process::abort()));
}

/// While there is one thread: threads that are made later are bound as well.
pub fn confine() {
    let _ = files::restrict();
    let _ = calls::restrict();
}
