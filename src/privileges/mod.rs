//! Giving up what root has: what the supervisor sheds for the rest of its life, and what a process that
//! becomes somebody else leaves behind before exec.

#![forbid(unsafe_code)]

mod account;
mod child;
mod servant;
mod stage;

pub use account::{become_account, errno, shed, stay_undumpable};
pub use child::{Unborn, in_child};
pub use servant::Servant;
pub use stage::{Failure, Stage};
