//! The generations of a site, from the first start to the last end, and how one takes over from the
//! other: the state machine (pure), the events that feed it, and the loop between them.

#![forbid(unsafe_code)]

mod children;
mod errand;
mod errands;
mod file_watch;
mod generation;
mod heard;
mod life;
mod line;
mod liveness;
mod lives;
mod machine;
mod outcome;
mod patience;
mod probe_socket;
mod prober;
mod process;
mod readiness;
mod signals;
mod step;
mod supervisor;
mod surroundings;
mod systemd;
mod task;
mod terminal;
mod wait;
mod watch;

pub use errand::Errand;
pub use generation::Generation;
pub use heard::Heard;
pub use life::Started;
pub use machine::{Cause, RoundEnd, Rules, Which, Why};
pub use outcome::Outcome;
pub use probe_socket::ProbeSocket;
pub use prober::{Prober, Request};
pub use readiness::Readiness;
pub use signals::{Arrival, Signals};
pub use step::Step;
pub use supervisor::Supervisor;
pub use surroundings::Surroundings;
pub use systemd::Systemd;
pub use task::{Task, TaskEnd};
pub use terminal::Terminal;
pub use watch::Watch;
