//! The only unsafe code: one small safe wrapper for each system call that nix does not wrap, or does
//! not wrap as a supervisor needs it. No policy here.

#![allow(unsafe_code)]

mod allocator;
mod capabilities;
mod descriptors;
mod dispositions;
mod memory;
mod process;
mod wait;
mod xattr;

pub use allocator::WipingAllocator;
pub use capabilities::{Capabilities, Capability, CapabilitySet};
pub use descriptors::{adopt, place};
pub use dispositions::{default_disposition, reset_all, unblock_all};
pub use memory::lock_what_is_mapped;
pub use process::{Forked, exit_now, fork};
pub use wait::{Change, Ending, acknowledge_stop, look, reap};
pub use xattr::fgetxattr;
