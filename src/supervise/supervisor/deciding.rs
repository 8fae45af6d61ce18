use std::time::Instant;

use nix::sys::signal::Signal;

use super::Supervisor;
use crate::log;
use crate::supervise::machine::{Action, Cause, Event};
use crate::supervise::{Arrival, Generation, Outcome, Step, Terminal};

/// The machine decides, and what needs no secret is carried out.
impl Supervisor<'_> {
    pub(super) fn take(&mut self, arrival: Arrival) {
        let gone = arrival.from_kernel || self.around.terminal.is_some_and(Terminal::is_gone);
        let event = match arrival.signal {
            // Told by the next look at the children.
            Signal::SIGCHLD => return,
            Signal::SIGHUP if gone => Event::TerminalGone,
            Signal::SIGHUP => {
                log::debug(format_args!("got {arrival}"));
                return self.steps.push_back(Step::Hup(arrival));
            }
            signal => Event::Signal(signal),
        };
        log::debug(format_args!("got {arrival}"));
        let now = Instant::now();
        let actions = self.machine.step(event, now);
        self.carry_out(actions, Some(arrival), now);
    }

    pub(super) fn step(&mut self, event: Event) {
        let now = Instant::now();
        let actions = self.machine.step(event, now);
        self.carry_out(actions, None, now);
    }

    pub(super) fn carry_out(
        &mut self,
        actions: Vec<Action>,
        arrival: Option<Arrival>,
        now: Instant,
    ) {
        for action in actions {
            let step = match action {
                Action::Fetch => Step::Fetch,
                Action::RunGates => Step::RunGates,
                Action::TellGate(signal) => {
                    self.outcome.asked = Some(signal);
                    // Between two of them the caller sees that everything ends.
                    if let Some(gate) = &mut self.gate {
                        gate.tell(signal);
                    }
                    continue;
                }
                Action::Start(generation, which) => Step::Start(generation, which),
                Action::Tell(generation, signal) => {
                    self.tell(generation, signal);
                    continue;
                }
                Action::KillGroup(generation) => {
                    self.lives.kill(generation, self.drain);
                    continue;
                }
                Action::Serves(generation) => {
                    self.serves(generation, now);
                    Step::Serves(generation)
                }
                Action::Fails(generation, why) => {
                    if let Some(life) = self.lives.get_mut(generation) {
                        self.outcome.last_answer = life.last_answer.take();
                    }
                    Step::Fails(generation, why, self.outcome.last_answer.clone())
                }
                Action::RoundEnds(end) => Step::RoundEnds(end),
                Action::Stops(cause) => {
                    self.errands.keep_worth_finishing();
                    self.say_stopping(cause, arrival);
                    continue;
                }
                Action::End(end) => {
                    let known = std::mem::take(&mut self.outcome);
                    Step::Ended(Outcome { ending: end.ending, cause: end.cause, ..known })
                }
            };
            self.steps.push_back(step);
        }
    }

    fn serves(&mut self, generation: Generation, now: Instant) {
        self.outcome.was_ready = true;
        // Whatever was sent to the one before.
        self.outcome.asked = None;
        let before = self.lives.beside(generation);
        let Some(life) = self.lives.get_mut(generation) else { return };
        if let Some(liveness) = &mut life.liveness {
            liveness.begin(now);
        }
        life.last_answer = None;
        if let Some(terminal) = self.around.terminal {
            terminal.give_to(life.process.pid, before);
        }
    }

    fn say_stopping(&self, cause: Cause, arrival: Option<Arrival>) {
        let why = match (cause, arrival) {
            (Cause::Asked(_), Some(arrival)) => arrival.to_string(),
            (Cause::Asked(signal), None) => signal.to_string(),
            (Cause::NotReady, _) => "not ready in time".to_owned(),
            (Cause::Ended(generation, ending), _) => {
                self.lives.say_ended(generation, ending);
                format!("{generation} ended: {ending}")
            }
            (Cause::NotBack, _) => "neither the new nor the old environment lives".to_owned(),
        };
        if !matches!(cause, Cause::Ended(..)) {
            log::info(format_args!("stopping the server: {why}"));
        }
        self.around.systemd.stopping(&format!("stopping: {why}"));
    }

    fn tell(&mut self, generation: Generation, signal: Signal) {
        let ends = matches!(signal, Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT);
        let by_itself = matches!(self.machine.cause(), Some(Cause::Ended(..)));
        if ends && !by_itself && self.machine.serving().is_none_or(|one| one == generation) {
            self.outcome.asked = Some(signal);
        }
        self.lives.tell(generation, signal);
    }
}
