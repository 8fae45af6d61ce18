mod deciding;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use super::errand::Errand;
use super::errands::Errands;
use super::life::Started;
use super::lives::Lives;
use super::machine::{Cause, Event, Machine, Rules};
use super::outcome::Outcome;
use super::patience::Patience;
use super::step::Step;
use super::surroundings::Surroundings;
use super::task::Task;
use super::{Generation, Watch};
use crate::control::{self, Control, Ticket};
use crate::stores::Job;

/// How often a server is asked whether it lives, where no watchdog says.
const LIVENESS_EVERY: Duration = Duration::from_secs(10);

/// The generations of a site, from the first start to the last end: the machine decides, and this
/// carries out what needs no secret. The rest is handed to the caller, step by step.
#[derive(Debug)]
pub struct Supervisor<'a> {
    around: Surroundings<'a>,
    machine: Machine,
    drain: Duration,
    control: Option<Control>,
    watch: Watch,
    lives: Lives,
    gate: Option<Task>,
    errands: Errands,
    /// When the caller wants to be called without anything having happened.
    alarm: Option<Instant>,
    patience: Patience<'a>,
    steps: VecDeque<Step>,
    /// As far as it is known.
    outcome: Outcome,
    more_orphans: bool,
    /// Nothing was done since the code was given back.
    rests: bool,
}

impl<'a> Supervisor<'a> {
    /// Before the first generation: its secrets are there.
    pub fn new(
        around: Surroundings<'a>,
        rules: Rules,
        control: Option<Control>,
        watch: Watch,
    ) -> Supervisor<'a> {
        let now = Instant::now();
        let (machine, actions) = Machine::new(rules);
        let mut supervisor = Supervisor {
            around,
            machine,
            drain: rules.drain,
            control,
            watch,
            lives: Lives::default(),
            gate: None,
            errands: Errands::default(),
            alarm: None,
            patience: Patience::new(around.systemd, now),
            steps: around.signals.take_kept().map(Step::Hup).into_iter().collect(),
            outcome: Outcome::default(),
            more_orphans: false,
            rests: false,
        };
        supervisor.carry_out(actions, None, now);
        supervisor
    }

    /// The secrets are to be looked at again: after the round that is going on, if one is.
    pub fn ask(&mut self) {
        self.step(Event::Asked);
    }

    /// A helper is on its way: `Step::Answered` when it is back. One that is out on the same errand is
    /// called off.
    pub fn send(&mut self, errand: Errand, job: Job) {
        self.errands.send(errand, job);
    }

    pub fn is_out(&self, errand: Errand) -> bool {
        self.errands.is_out(errand)
    }

    /// `Step::Alarm` then; None: never.
    pub fn set_alarm(&mut self, at: Option<Instant>) {
        self.alarm = at;
    }

    pub fn answer(&mut self, ticket: Ticket, answer: &control::Answer) {
        if let Some(control) = &mut self.control {
            control.answer(ticket, answer);
        }
    }

    pub fn fetched(&mut self, steps: usize) {
        self.step(Event::Fetched { steps });
    }

    pub fn refused(&mut self) {
        self.step(Event::Refused);
    }

    pub fn gates_passed(&mut self) {
        self.step(Event::GatesPassed);
    }

    /// A command was started that must succeed first.
    pub fn run_gate(&mut self, process: Pid, what: &str) {
        self.patience.gate_begins(Instant::now());
        self.gate = Some(Task::new(process, what, self.drain));
    }

    pub fn started(&mut self, generation: Generation, started: Started) {
        let status = format!("starting: waiting for {}", started.readiness.awaited());
        self.around.systemd.status(&status);
        let every = self.around.systemd.watchdog_every().unwrap_or(LIVENESS_EVERY);
        self.lives.begin(generation, started, every);
    }

    pub fn not_started(&mut self, generation: Generation) {
        self.step(Event::NotStarted(generation));
    }

    pub fn rules(&self) -> Rules {
        self.machine.rules()
    }

    pub fn serving(&self) -> Option<Generation> {
        self.machine.serving()
    }

    pub fn is_stopping(&self) -> bool {
        self.machine.is_stopping()
    }

    /// Why everything ends, once it does.
    pub fn cause(&self) -> Option<Cause> {
        self.machine.cause()
    }

    pub fn is_idle(&self) -> bool {
        self.machine.is_idle()
    }

    /// The first processes of those that live, with their generations.
    pub fn processes(&self) -> impl Iterator<Item = (Generation, Pid)> {
        self.lives.processes()
    }

    /// What `systemctl status` shows of the one that serves.
    pub fn status(&self) -> &str {
        let life = self.machine.serving().and_then(|serving| self.lives.get(serving));
        life.map_or("", |life| life.status.as_str())
    }
}
