use super::errand::Errand;
use super::machine::{RoundEnd, Which, Why};
use super::outcome::Outcome;
use super::task::TaskEnd;
use super::{Arrival, Generation};
use crate::control::{Peer, Request, Ticket};
use crate::helper::{self, Answer};

/// What the caller has to do next, and with which call it answers.
#[derive(Debug)]
pub enum Step {
    /// HUP: `ask`, when it is noted who asked.
    Hup(Arrival),
    /// Somebody asks on the control socket: `answer`, now or later.
    Request(Ticket, Request, Peer),
    /// It is time to look at the sources, or a file has changed: `ask`.
    Watch,
    /// `fetched` or `refused`.
    Fetch,
    /// A helper is back.
    Answered(Errand, Result<Answer, helper::Error>),
    /// The time that the caller set.
    Alarm,
    /// Every process of a generation is gone, and others go on.
    Left,
    /// `run_gate` for the first one, or `gates_passed`; `refused` where everything ends.
    RunGates,
    /// `run_gate` for the next one, `gates_passed` or `refused`.
    GateEnded(TaskEnd),
    /// `started` or `not_started`.
    Start(Generation, Which),
    /// It took over.
    Serves(Generation),
    /// It did not take over; with what the last probe came to.
    Fails(Generation, Why, Option<String>),
    RoundEnds(RoundEnd),
    Ended(Outcome),
}
