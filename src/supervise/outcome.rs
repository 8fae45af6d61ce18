use nix::sys::signal::Signal;

use super::machine::Cause;
use crate::sys::Ending;

/// How all of it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// None: no generation was started.
    pub ending: Option<Ending>,
    pub cause: Option<Cause>,
    /// The last that somebody sent to end it, keybearer among them.
    pub asked: Option<Signal>,
    pub was_ready: bool,
    /// What the last probe came to, where it never was ready.
    pub last_answer: Option<String>,
}
