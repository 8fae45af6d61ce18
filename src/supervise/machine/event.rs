use nix::sys::signal::Signal;

use crate::supervise::Generation;
use crate::sys::Ending;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Signal(Signal),
    /// A HUP because the terminal went away; one by which somebody wants a new key is `Asked`.
    TerminalGone,
    /// The secrets are to be looked at again, and taken over.
    Asked,
    /// They were fetched; to take them over needs so many hand-overs. None: they run already.
    Fetched {
        steps: usize,
    },
    GatesPassed,
    /// The secrets could not be had, or broke the schema, or a gate failed.
    Refused,
    NotStarted(Generation),
    Ready(Generation),
    /// Its first process has ended, and every other one of its group.
    Gone(Generation, Ending),
    /// Time has passed; the deadline may have.
    Clock,
}
