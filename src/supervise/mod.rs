//! One generation at a time, from its start to its end: the state machine (pure), the events that
//! feed it, and the loop between them.

#![forbid(unsafe_code)]

mod children;
mod heard;
mod liveness;
mod machine;
mod probe_socket;
mod prober;
mod readiness;
mod signals;
mod supervisor;
mod systemd;
mod terminal;

pub use heard::Heard;
pub use machine::Cause;
pub use probe_socket::ProbeSocket;
pub use prober::{Prober, Request};
pub use readiness::Readiness;
pub use signals::{Arrival, Signals};
pub use supervisor::{Outcome, Step, Supervisor, Surroundings};
pub use systemd::Systemd;
pub use terminal::Terminal;
