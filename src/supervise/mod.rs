//! One generation at a time, from its start to its end: the state machine (pure), the events that
//! feed it, and the loop between them.

#![forbid(unsafe_code)]

mod children;
mod file_watch;
mod heard;
mod instance;
mod liveness;
mod machine;
mod probe_socket;
mod prober;
mod readiness;
mod runtime_directory;
mod signals;
mod supervisor;
mod systemd;
mod terminal;
mod watch;

pub use heard::Heard;
pub use instance::Instance;
pub use machine::Cause;
pub use probe_socket::ProbeSocket;
pub use prober::{Prober, Request};
pub use readiness::Readiness;
pub use runtime_directory::RuntimeDirectory;
pub use signals::{Arrival, Signals};
pub use supervisor::{Outcome, Step, Supervisor, Surroundings};
pub use systemd::Systemd;
pub use terminal::Terminal;
pub use watch::Watch;
