//! The life of a site as a pure state machine: events in, actions out, no process touched.

mod action;
mod event;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::Generation;
use crate::config::Strategy;
use crate::sys::Ending;

pub use action::{Action, Cause, End, RoundEnd, Which, Why};
pub use event::Event;

/// A server that was told to QUIT in the middle of its drain has this long.
const QUICK: Duration = Duration::from_secs(1);

/// It compares what runs with what is wanted and remembers no more than it must: which generations
/// live, what each was told, and how far the round is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    rules: Rules,
    last: Option<Generation>,
    serving: Option<Live>,
    /// Started and not ready yet.
    coming: Option<Coming>,
    /// Told to end while the others go on.
    leaving: Option<Live>,
    round: Round,
    /// Somebody asked in the middle of a round: one more follows, however many asked.
    again: bool,
    stopping: Option<Stopping>,
    over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    pub strategy: Strategy,
    pub drain: Duration,
    /// How long a generation may take to be ready; None where nobody can be late.
    pub within: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Live {
    generation: Generation,
    told: Option<Told>,
}

/// It was told to end, and is killed then; None: it has been killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    kill_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Coming {
    live: Live,
    until: Option<Instant>,
    which: Which,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    Idle,
    Fetching,
    /// Commands run that must succeed before the first of the hand-overs.
    Gating {
        steps: usize,
    },
    /// So many hand-overs are not done yet, the one in progress among them.
    Handing {
        left: usize,
    },
    /// The new generation did not live where the old one had been stopped for it: the old environment
    /// is started again.
    Returning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stopping {
    cause: Cause,
    /// Whose ending is keybearer's.
    speaker: Option<Generation>,
    ending: Option<Ending>,
    /// A gate runs and was told to end.
    gate: bool,
}

impl Machine {
    /// Before the first generation: the secrets are there, its gates are not passed.
    pub fn new(rules: Rules) -> (Machine, Vec<Action>) {
        let machine = Machine {
            rules,
            last: None,
            serving: None,
            coming: None,
            leaving: None,
            round: Round::Gating { steps: 1 },
            again: false,
            stopping: None,
            over: false,
        };
        (machine, vec![Action::RunGates])
    }

    /// When `Event::Clock` is due.
    pub fn deadline(&self) -> Option<Instant> {
        let until = self.coming.filter(|coming| coming.live.told.is_none()).and_then(|c| c.until);
        let kills = self.lives().filter_map(|live| live.told?.kill_at);
        kills.chain(until).min()
    }

    pub fn rules(&self) -> Rules {
        self.rules
    }

    pub fn serving(&self) -> Option<Generation> {
        self.serving.map(|live| live.generation)
    }

    /// The one that is waited for.
    pub fn coming(&self) -> Option<Generation> {
        let coming = self.coming.filter(|coming| coming.live.told.is_none());
        coming.map(|coming| coming.live.generation)
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    pub fn cause(&self) -> Option<Cause> {
        self.stopping.map(|stopping| stopping.cause)
    }

    pub fn is_idle(&self) -> bool {
        self.round == Round::Idle
    }

    pub fn step(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.over {
            return actions;
        }
        match event {
            Event::Signal(signal) => self.signal(signal, now, &mut actions),
            Event::TerminalGone => {
                self.stop(Cause::Asked(Signal::SIGHUP), Signal::SIGTERM, now, &mut actions);
            }
            Event::Asked => self.again |= self.stopping.is_none(),
            Event::Fetched { steps } => self.fetched(steps, &mut actions),
            Event::GatesPassed => self.gates_passed(),
            Event::Refused => self.refused(&mut actions),
            Event::NotStarted(generation) => {
                self.gone(generation, None, Why::NotStarted, now, &mut actions);
            }
            Event::Gone(generation, ending) => {
                self.gone(generation, Some(ending), Why::Ended(ending), now, &mut actions);
            }
            Event::Ready(generation) => self.ready(generation, now, &mut actions),
            Event::Clock => self.clock(now, &mut actions),
        }
        self.advance(now, &mut actions);
        actions
    }

    fn signal(&mut self, signal: Signal, now: Instant, actions: &mut Vec<Action>) {
        let everyone: Vec<Generation> = self.lives().map(|live| live.generation).collect();
        match signal {
            Signal::SIGTERM => self.stop(Cause::Asked(signal), signal, now, actions),
            Signal::SIGINT | Signal::SIGQUIT if everyone.is_empty() => {
                self.stop(Cause::Asked(signal), signal, now, actions);
            }
            // The server's own business until it drains; then QUIT cuts the drain short.
            Signal::SIGINT | Signal::SIGQUIT | Signal::SIGUSR1 => {
                if signal == Signal::SIGQUIT {
                    self.hurry(now);
                }
                actions.extend(everyone.into_iter().map(|one| Action::Tell(one, signal)));
            }
            // One worker more or less, and the like: for the one that is the site.
            other => {
                let one = self.serving().or(self.coming()).or(everyone.first().copied());
                actions.extend(one.map(|one| Action::Tell(one, other)));
            }
        }
    }

    fn hurry(&mut self, now: Instant) {
        let slots = [&mut self.serving, &mut self.leaving].into_iter().flatten();
        let lives = slots.chain(self.coming.as_mut().map(|coming| &mut coming.live));
        for at in lives.filter_map(|live| live.told.as_mut()?.kill_at.as_mut()) {
            *at = (*at).min(now + QUICK);
        }
    }

    /// A second TERM changes nothing: a server may take it for "at once". Only a gate hears it, which
    /// may have been told by a signal that it does not mind.
    fn stop(&mut self, cause: Cause, signal: Signal, now: Instant, actions: &mut Vec<Action>) {
        if let Some(stopping) = self.stopping {
            if stopping.gate {
                actions.push(Action::TellGate(signal));
            }
            return;
        }
        let coming = self.coming.map(|coming| coming.live);
        let speaker = self.serving.or(coming).or(self.leaving).map(|live| live.generation);
        let gate = matches!(self.round, Round::Gating { .. });
        self.stopping = Some(Stopping { cause, speaker, ending: None, gate });
        self.again = false;
        actions.push(Action::Stops(cause));
        if gate {
            actions.push(Action::TellGate(signal));
        }
        if self.round != Round::Idle {
            self.round = Round::Idle;
            actions.push(Action::RoundEnds(RoundEnd::Interrupted));
        }
        let kill_at = Some(now + self.rules.drain);
        let slots = [&mut self.serving, &mut self.leaving].into_iter().flatten();
        for live in slots.chain(self.coming.as_mut().map(|coming| &mut coming.live)) {
            if live.told.is_none() {
                live.told = Some(Told { kill_at });
                actions.push(Action::Tell(live.generation, signal));
            }
        }
    }

    fn fetched(&mut self, steps: usize, actions: &mut Vec<Action>) {
        if self.round != Round::Fetching {
            return;
        }
        if steps == 0 {
            self.end_round(RoundEnd::Unchanged, actions);
        } else {
            self.round = Round::Gating { steps };
            actions.push(Action::RunGates);
        }
    }

    fn gates_passed(&mut self) {
        if let Some(stopping) = &mut self.stopping {
            stopping.gate = false;
        } else if let Round::Gating { steps } = self.round {
            self.round = Round::Handing { left: steps };
        }
    }

    fn refused(&mut self, actions: &mut Vec<Action>) {
        if let Some(stopping) = &mut self.stopping {
            stopping.gate = false;
            return;
        }
        match self.round {
            Round::Gating { .. } if self.last.is_none() => {
                self.over = true;
                actions.push(Action::End(End { cause: None, ending: None }));
            }
            Round::Fetching | Round::Gating { .. } => self.end_round(RoundEnd::Failed, actions),
            Round::Idle | Round::Handing { .. } | Round::Returning => {}
        }
    }

    fn ready(&mut self, generation: Generation, now: Instant, actions: &mut Vec<Action>) {
        if self.stopping.is_some() || self.coming() != Some(generation) {
            return;
        }
        self.coming = None;
        let before = self.serving.replace(Live { generation, told: None });
        actions.push(Action::Serves(generation));
        if let Some(before) = before {
            self.leaving = Some(self.tell(before, now, actions));
        }
        match self.round {
            Round::Handing { left: 0 | 1 } => self.end_round(RoundEnd::HandedOver, actions),
            Round::Handing { left } => self.round = Round::Handing { left: left - 1 },
            Round::Returning => self.end_round(RoundEnd::Failed, actions),
            Round::Idle | Round::Fetching | Round::Gating { .. } => {}
        }
    }

    fn gone(
        &mut self,
        generation: Generation,
        ending: Option<Ending>,
        why: Why,
        now: Instant,
        actions: &mut Vec<Action>,
    ) {
        let is_it = |live: Live| live.generation == generation;
        if let Some(stopping) = self.stopping.as_mut().filter(|s| s.speaker == Some(generation)) {
            stopping.ending = ending;
        }
        if self.leaving.is_some_and(is_it) {
            self.leaving = None;
        } else if self.serving.is_some_and(is_it) {
            self.serving = None;
            if let Some(ending) = ending.filter(|_| self.stopping.is_none()) {
                self.stop(Cause::Ended(generation, ending), Signal::SIGTERM, now, actions);
                // Nobody else's end counts: what comes or leaves was never the site, or no longer is.
                if let Some(stopping) = &mut self.stopping {
                    stopping.speaker = Some(generation);
                    stopping.ending = Some(ending);
                }
            }
        } else if let Some(coming) = self.coming.filter(|coming| is_it(coming.live)) {
            self.coming = None;
            if self.stopping.is_none() {
                self.failed(coming, why, ending, now, actions);
            }
        }
    }

    /// A new generation does not take over, and is gone or leaves.
    fn failed(
        &mut self,
        coming: Coming,
        why: Why,
        ending: Option<Ending>,
        now: Instant,
        actions: &mut Vec<Action>,
    ) {
        actions.push(Action::Fails(coming.live.generation, why));
        let is_first = coming.live.generation == Generation::FIRST;
        match coming.which {
            Which::Next if self.serving.is_some() => self.end_round(RoundEnd::Failed, actions),
            Which::Next if !is_first => self.round = Round::Returning,
            Which::Next | Which::Before => {
                let cause = match (why, ending) {
                    (_, _) if !is_first => Cause::NotBack,
                    (_, Some(ending)) => Cause::Ended(coming.live.generation, ending),
                    (Why::NotStarted | Why::NotReady | Why::Ended(_), None) => Cause::NotReady,
                };
                self.stop(cause, Signal::SIGTERM, now, actions);
                if let Some(stopping) = &mut self.stopping {
                    stopping.speaker = Some(coming.live.generation);
                    stopping.ending = ending;
                }
            }
        }
    }

    fn clock(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let late = self.coming.filter(|coming| {
            coming.live.told.is_none() && coming.until.is_some_and(|until| until <= now)
        });
        if let Some(coming) = late {
            self.coming = None;
            self.leaving = Some(self.tell(coming.live, now, actions));
            self.failed(coming, Why::NotReady, None, now, actions);
        }
        let slots = [&mut self.serving, &mut self.leaving].into_iter().flatten();
        for live in slots.chain(self.coming.as_mut().map(|coming| &mut coming.live)) {
            if let Some(told) = live.told.as_mut().filter(|t| t.kill_at.is_some_and(|at| at <= now))
            {
                told.kill_at = None;
                actions.push(Action::KillGroup(live.generation));
            }
        }
    }

    fn tell(&self, live: Live, now: Instant, actions: &mut Vec<Action>) -> Live {
        actions.push(Action::Tell(live.generation, Signal::SIGTERM));
        Live { told: Some(Told { kill_at: Some(now + self.rules.drain) }), ..live }
    }

    fn end_round(&mut self, end: RoundEnd, actions: &mut Vec<Action>) {
        self.round = Round::Idle;
        actions.push(Action::RoundEnds(end));
    }

    /// What has become possible: the next generation once the one before last is gone, the next round,
    /// the end.
    fn advance(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if let Some(stopping) = self.stopping {
            if self.lives().next().is_none() && !stopping.gate {
                self.over = true;
                let Stopping { cause, ending, .. } = stopping;
                actions.push(Action::End(End { cause: Some(cause), ending }));
            }
            return;
        }
        match self.round {
            Round::Idle if self.again && self.serving.is_some() => {
                self.again = false;
                self.round = Round::Fetching;
                actions.push(Action::Fetch);
            }
            Round::Handing { .. } if self.coming.is_none() && self.leaving.is_none() => {
                let overlap = self.rules.strategy == Strategy::HandOver;
                match self.serving.take_if(|_| !overlap) {
                    Some(before) => self.leaving = Some(self.tell(before, now, actions)),
                    None => self.start(Which::Next, now, actions),
                }
            }
            Round::Returning if self.coming.is_none() && self.leaving.is_none() => {
                self.start(Which::Before, now, actions);
            }
            Round::Idle
            | Round::Fetching
            | Round::Gating { .. }
            | Round::Handing { .. }
            | Round::Returning => {}
        }
    }

    fn start(&mut self, which: Which, now: Instant, actions: &mut Vec<Action>) {
        let generation = self.last.map_or(Generation::FIRST, Generation::next);
        self.last = Some(generation);
        let until = self.rules.within.map(|within| now + within);
        self.coming = Some(Coming { live: Live { generation, told: None }, until, which });
        actions.push(Action::Start(generation, which));
    }

    fn lives(&self) -> impl Iterator<Item = Live> {
        let coming = self.coming.map(|coming| coming.live);
        [self.serving, coming, self.leaving].into_iter().flatten()
    }
}
