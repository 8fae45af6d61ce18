use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::PollFd;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::children::reap_orphans;
use super::errand::Errand;
use super::errands::Errands;
use super::life::Started;
use super::lives::Lives;
use super::machine::{Action, Cause, Event, Machine, Rules};
use super::outcome::Outcome;
use super::patience::Patience;
use super::step::Step;
use super::surroundings::Surroundings;
use super::task::Task;
use super::wait::Wait;
use super::{Arrival, Generation, Terminal, Watch};
use crate::control::{self, Control, Ticket};
use crate::log;
use crate::stores::Job;
use crate::sys;

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
    /// The last signal by which somebody wanted the end, keybearer among them.
    asked: Option<Signal>,
    was_ready: bool,
    /// What the last probe of a generation came to that never was ready.
    last_answer: Option<String>,
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
            asked: None,
            was_ready: false,
            last_answer: None,
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

    /// Waits for what happens next; nothing wakes it while nothing happens.
    pub fn wait_for_step(&mut self) -> io::Result<Step> {
        loop {
            if let Some(step) = self.next_step() {
                self.rests = false;
                return Ok(step);
            }
            self.look_at_children()?;
            // What is decided is done before more is heard: a signal to a generation that is not started
            // yet would be lost.
            if !self.steps.is_empty() {
                continue;
            }
            self.rest();
            self.wait()?;
            while let Some(arrival) = self.around.signals.next() {
                self.take(arrival);
            }
            let now = Instant::now();
            for generation in self.lives.ready(self.machine.coming(), now) {
                self.step(Event::Ready(generation));
            }
            if let Some(serving) = self.machine.serving() {
                self.lives.look_at_liveness(serving, now, self.around.systemd);
            }
            if let Some(control) = &mut self.control {
                let requests = control.advance(now).into_iter();
                self.steps
                    .extend(requests.map(|(ticket, what, peer)| Step::Request(ticket, what, peer)));
            }
            if self.watch.advance(now) {
                self.steps.push_back(Step::Watch);
            }
            if self.alarm.is_some_and(|at| at <= now) {
                self.alarm = None;
                self.steps.push_back(Step::Alarm);
            }
            if let Some(gate) = &mut self.gate {
                gate.clock(now);
            }
            self.step(Event::Clock);
            let answers = self.lives.answers(self.machine.serving());
            self.patience.keep(now, self.is_waited_for(), answers);
        }
    }

    /// A start that was decided before everything was to end is not carried out.
    fn next_step(&mut self) -> Option<Step> {
        loop {
            match self.steps.pop_front()? {
                Step::Start(generation, _) if self.machine.coming() != Some(generation) => {
                    self.step(Event::NotStarted(generation));
                }
                step => return Some(step),
            }
        }
    }

    /// One generation serves and nothing is under way: that may go on for months.
    fn rest(&mut self) {
        let is_quiet = self.machine.is_idle()
            && self.lives.is_alone()
            && self.errands.is_empty()
            && !self.is_stopping();
        if is_quiet && !self.rests {
            sys::give_code_back();
            self.rests = true;
        }
    }

    fn wait(&self) -> io::Result<()> {
        let mut wait = Wait::default();
        wait.readable([self.around.signals.as_fd()]);
        wait.until(self.machine.deadline());
        wait.until(self.gate.as_ref().and_then(Task::deadline));
        self.patience.watch(&mut wait, self.is_waited_for());
        wait.until(self.more_orphans.then(Instant::now));
        wait.until(self.alarm);
        self.errands.watch(&mut wait);
        wait.readable(self.watch.descriptor());
        wait.until(self.watch.deadline());
        if let Some(control) = &self.control {
            wait.on(control.descriptors().map(|(fd, flags)| PollFd::new(fd, flags)));
            wait.until(control.deadline());
        }
        self.lives.watch(&mut wait, self.machine.coming(), self.machine.serving());
        wait.poll()
    }

    fn is_waited_for(&self) -> bool {
        self.patience.is_asked_for(self.gate.is_some(), self.machine.is_idle())
    }

    fn take(&mut self, arrival: Arrival) {
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

    fn step(&mut self, event: Event) {
        let now = Instant::now();
        let actions = self.machine.step(event, now);
        self.carry_out(actions, None, now);
    }

    fn carry_out(&mut self, actions: Vec<Action>, arrival: Option<Arrival>, now: Instant) {
        for action in actions {
            let step = match action {
                Action::Fetch => Step::Fetch,
                Action::RunGates => Step::RunGates,
                Action::TellGate(signal) => {
                    self.asked = Some(signal);
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
                        self.last_answer = life.last_answer.take();
                    }
                    Step::Fails(generation, why, self.last_answer.clone())
                }
                Action::RoundEnds(end) => Step::RoundEnds(end),
                Action::SayStopping(cause) => {
                    self.errands.keep_worth_finishing();
                    self.say_stopping(cause, arrival);
                    continue;
                }
                Action::End(end) => Step::Ended(Outcome {
                    ending: end.ending,
                    cause: end.cause,
                    asked: self.asked,
                    was_ready: self.was_ready,
                    last_answer: self.last_answer.take(),
                }),
            };
            self.steps.push_back(step);
        }
    }

    fn serves(&mut self, generation: Generation, now: Instant) {
        self.was_ready = true;
        // Whatever was sent to the one before.
        self.asked = None;
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
            self.asked = Some(signal);
        }
        self.lives.tell(generation, signal);
    }

    fn look_at_children(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let gone = self.lives.look(now, self.around.terminal)?;
        if let Some(end) = self.gate.as_mut().map(Task::look).transpose()?.flatten() {
            self.gate = None;
            self.steps.push_back(Step::GateEnded(end));
        }
        self.steps.extend(self.errands.advance(now));
        let living = self.lives.processes().map(|(_, process)| process);
        let gate = self.gate.as_ref().map(Task::pid);
        let ours: Vec<Pid> = living.chain(gate).chain(self.errands.pids()).collect();
        self.more_orphans = reap_orphans(&ours)?;
        for (generation, ending) in gone {
            log::debug(format_args!("{generation} is gone: {ending}"));
            self.rests = false;
            self.step(Event::Gone(generation, ending));
            self.lives.remove(generation);
            if !self.lives.is_empty() {
                self.steps.push_back(Step::Left);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
