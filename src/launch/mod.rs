//! From an environment to a process of the site's user.

#![forbid(unsafe_code)]

mod enter;
mod error;
mod ids;
mod plan;
mod sockets;
mod spawn;

pub use error::LaunchError;
pub use ids::under_group_of;
pub use plan::{Plan, Task};
pub use sockets::{Received, SocketError, Sockets};
pub use spawn::{Wiring, become_command, kill_group, rehearse, signal, spawn};
