use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

/// A server that was told to QUIT in the middle of its drain has this long.
const QUICK: Duration = Duration::from_secs(1);

/// One server's life: events in, actions out, no process touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    phase: Phase,
    drain: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It runs and is not ready yet; None: nobody waits for it to be.
    Starting {
        until: Option<Instant>,
        fetch_again: bool,
    },
    Serving,
    /// It was told to end; None: its group has been killed.
    Stopping {
        kill_at: Option<Instant>,
        cause: Cause,
    },
}

/// Why a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Asked(Signal),
    NotReady,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Signal(Signal),
    /// A HUP because the terminal went away, not because somebody wants a new key.
    TerminalGone,
    Ready,
    /// Time has passed; the deadline may have.
    Clock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Forward(Signal),
    KillGroup,
    SayReady,
    SayStopping(Cause),
    FetchAgain,
}

impl Machine {
    /// A server that was just started.
    pub fn started(ready_by: Option<Instant>, drain: Duration) -> Machine {
        Machine { phase: Phase::Starting { until: ready_by, fetch_again: false }, drain }
    }

    /// When `Event::Clock` is due.
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Starting { until, .. } => until,
            Phase::Serving => None,
            Phase::Stopping { kill_at, .. } => kill_at,
        }
    }

    pub fn is_starting(&self) -> bool {
        matches!(self.phase, Phase::Starting { .. })
    }

    pub fn is_serving(&self) -> bool {
        self.phase == Phase::Serving
    }

    /// Why it was stopped, if it was.
    pub fn stopped_for(&self) -> Option<Cause> {
        match self.phase {
            Phase::Stopping { cause, .. } => Some(cause),
            Phase::Starting { .. } | Phase::Serving => None,
        }
    }

    pub fn step(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::TerminalGone => self.stop(Signal::SIGTERM, Cause::Asked(Signal::SIGHUP), now),
            Event::Signal(Signal::SIGTERM) => {
                self.stop(Signal::SIGTERM, Cause::Asked(Signal::SIGTERM), now)
            }
            Event::Signal(Signal::SIGQUIT) => self.quit(now),
            Event::Signal(Signal::SIGHUP) => self.fetch_again(),
            Event::Signal(other) => vec![Action::Forward(other)],
            Event::Ready => self.ready(),
            Event::Clock => self.clock(now),
        }
    }

    /// A second TERM changes nothing: a server may take it for "at once".
    fn stop(&mut self, signal: Signal, cause: Cause, now: Instant) -> Vec<Action> {
        match self.phase {
            Phase::Stopping { .. } => Vec::new(),
            Phase::Starting { .. } | Phase::Serving => {
                self.phase = Phase::Stopping { kill_at: Some(now + self.drain), cause };
                vec![Action::SayStopping(cause), Action::Forward(signal)]
            }
        }
    }

    /// QUIT is the server's own business until it drains; then it cuts the drain short.
    fn quit(&mut self, now: Instant) -> Vec<Action> {
        if let Phase::Stopping { kill_at: Some(at), .. } = &mut self.phase {
            *at = (*at).min(now + QUICK);
        }
        vec![Action::Forward(Signal::SIGQUIT)]
    }

    fn fetch_again(&mut self) -> Vec<Action> {
        match &mut self.phase {
            Phase::Starting { fetch_again, .. } => {
                *fetch_again = true;
                Vec::new()
            }
            Phase::Serving => vec![Action::FetchAgain],
            Phase::Stopping { .. } => Vec::new(),
        }
    }

    fn ready(&mut self) -> Vec<Action> {
        match self.phase {
            Phase::Starting { fetch_again, .. } => {
                self.phase = Phase::Serving;
                match fetch_again {
                    true => vec![Action::SayReady, Action::FetchAgain],
                    false => vec![Action::SayReady],
                }
            }
            Phase::Serving | Phase::Stopping { .. } => Vec::new(),
        }
    }

    fn clock(&mut self, now: Instant) -> Vec<Action> {
        match &mut self.phase {
            Phase::Starting { until: Some(until), .. } if *until <= now => {
                self.stop(Signal::SIGTERM, Cause::NotReady, now)
            }
            Phase::Stopping { kill_at, .. } if kill_at.is_some_and(|at| at <= now) => {
                *kill_at = None;
                vec![Action::KillGroup]
            }
            Phase::Starting { .. } | Phase::Serving | Phase::Stopping { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DRAIN: Duration = Duration::from_secs(35);

    fn events() -> impl Strategy<Value = (Event, u64)> {
        let event = prop_oneof![
            Just(Event::Signal(Signal::SIGTERM)),
            Just(Event::Signal(Signal::SIGINT)),
            Just(Event::Signal(Signal::SIGQUIT)),
            Just(Event::Signal(Signal::SIGHUP)),
            Just(Event::Signal(Signal::SIGUSR1)),
            Just(Event::Signal(Signal::SIGTTIN)),
            Just(Event::TerminalGone),
            Just(Event::Ready),
            Just(Event::Clock),
        ];
        (event, 0u64..20_000)
    }

    proptest! {
        /// Whatever comes in whatever order: TERM is sent once, READY said once and never after the
        /// stop began, KILL only when the drain is over or was cut, HUP never reaches the server.
        #[test]
        fn any_sequence(sequence in prop::collection::vec(events(), 0..60), within in 1u64..60_000) {
            let start = Instant::now();
            let mut now = start;
            let mut machine = Machine::started(Some(start + Duration::from_millis(within)), DRAIN);
            let (mut terms, mut readies, mut kills) = (0, 0, 0);
            let (mut stopped_at, mut cut) = (None, false);
            for (event, milliseconds) in sequence {
                now += Duration::from_millis(milliseconds);
                let was_stopping = machine.stopped_for().is_some();
                for action in machine.step(event, now) {
                    match action {
                        Action::Forward(Signal::SIGTERM) => terms += 1,
                        Action::Forward(Signal::SIGQUIT) => cut |= was_stopping,
                        Action::Forward(signal) => prop_assert_ne!(signal, Signal::SIGHUP),
                        Action::SayReady => {
                            prop_assert!(!was_stopping);
                            readies += 1;
                        }
                        Action::SayStopping(_) => stopped_at = Some(now),
                        Action::FetchAgain => prop_assert!(machine.is_serving()),
                        Action::KillGroup => {
                            kills += 1;
                            let waited = stopped_at.map(|at| now - at);
                            prop_assert!(waited.is_some_and(|w| w >= DRAIN || (cut && w >= QUICK)));
                        }
                    }
                }
                prop_assert!(terms <= 1 && readies <= 1 && kills <= 1);
                prop_assert_eq!(stopped_at.is_some(), machine.stopped_for().is_some());
                prop_assert_eq!(terms == 1, machine.stopped_for().is_some());
            }
        }
    }

    #[test]
    fn not_ready_in_time_is_stopped_and_then_killed() {
        let start = Instant::now();
        let mut machine = Machine::started(Some(start + Duration::from_secs(60)), DRAIN);
        assert_eq!(machine.step(Event::Clock, start + Duration::from_secs(59)), []);
        let late = start + Duration::from_secs(60);
        assert_eq!(
            machine.step(Event::Clock, late),
            [Action::SayStopping(Cause::NotReady), Action::Forward(Signal::SIGTERM)]
        );
        assert_eq!(machine.step(Event::Ready, late), []);
        assert_eq!(machine.step(Event::Clock, late + DRAIN), [Action::KillGroup]);
        assert_eq!(machine.deadline(), None);
    }

    #[test]
    fn a_hup_before_ready_is_kept_for_later() {
        let now = Instant::now();
        let mut machine = Machine::started(None, DRAIN);
        assert_eq!(machine.step(Event::Signal(Signal::SIGHUP), now), []);
        assert_eq!(machine.step(Event::Ready, now), [Action::SayReady, Action::FetchAgain]);
    }

    #[test]
    fn quit_cuts_the_drain_short() {
        let now = Instant::now();
        let mut machine = Machine::started(None, DRAIN);
        machine.step(Event::Signal(Signal::SIGTERM), now);
        assert_eq!(
            machine.step(Event::Signal(Signal::SIGQUIT), now),
            [Action::Forward(Signal::SIGQUIT)]
        );
        assert_eq!(machine.deadline(), Some(now + QUICK));
    }
}
