use nix::sys::signal::Signal;

use crate::supervise::Generation;
use crate::sys::Ending;

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Answered by Fetched or Refused.
    Fetch,
    /// Answered by GatesPassed or Refused.
    RunGates,
    /// To the gate that runs, if one does.
    TellGate(Signal),
    /// Answered by Ready, Gone or NotStarted.
    Start(Generation, Which),
    Tell(Generation, Signal),
    KillGroup(Generation),
    /// It serves now; where another one did, that one leaves.
    Serves(Generation),
    /// It does not take over.
    Fails(Generation, Why),
    RoundEnds(RoundEnd),
    /// Everything ends: that is said, and who only fetches is called off.
    Stops(Cause),
    End(End),
}

/// In which environment a generation starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The next of those that the round has to hand over to.
    Next,
    /// The one before: the new one did not live.
    Before,
}

/// Why a new generation does not take over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    NotStarted,
    NotReady,
    Ended(Ending),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoundEnd {
    HandedOver,
    Unchanged,
    /// What ran before runs on, or again.
    Failed,
    /// Everything ends.
    Interrupted,
}

/// Why everything stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Asked(Signal),
    /// The first generation was not ready in time.
    NotReady,
    /// This generation has ended by itself, and it was the site.
    Ended(Generation, Ending),
    /// The new generation did not live, and the old environment no longer does.
    NotBack,
}

/// Everything is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// None: the first round was refused before a generation started.
    pub cause: Option<Cause>,
    /// Of the generation whose end counts: the serving one where there was one.
    pub ending: Option<Ending>,
}
