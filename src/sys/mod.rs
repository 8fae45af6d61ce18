//! The only unsafe code: one small safe wrapper for each system call that nix does not wrap, or does
//! not wrap as a supervisor needs it. No policy here.

#![allow(unsafe_code)]

mod allocator;
mod capabilities;
mod descriptors;
mod dispositions;
mod keyring;
mod memory;
mod process;
mod random;
mod terminal_input;
mod wait;
mod xattr;

pub use allocator::WipingAllocator;
pub use capabilities::{Capabilities, Capability, CapabilitySet};
pub use descriptors::{adopt, move_above, place};
pub use dispositions::{default_disposition, reset_all, unblock_all};
pub use keyring::leave_session_keyring;
pub use memory::{give_code_back, lock_what_is_mapped};
pub use process::{Forked, exit_now, fork};
pub use random::random;
pub use terminal_input::forbid_terminal_input;
pub use wait::{Change, Ending, acknowledge_stop, look, look_at, reap, reap_within};
pub use xattr::{fgetxattr, flistxattr, fremovexattr, fsetxattr};
