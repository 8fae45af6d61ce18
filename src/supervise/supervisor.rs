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
use super::life::{Life, News, Started};
use super::liveness::{Liveness, Turn};
use super::machine::{Action, Cause, Event, Machine, Rules};
use super::outcome::Outcome;
use super::step::Step;
use super::surroundings::Surroundings;
use super::systemd::EXTENSION;
use super::task::Task;
use super::wait::Wait;
use super::{Arrival, Generation, Terminal, Watch};
use crate::control::{self, Control, Ticket};
use crate::log;
use crate::stores::Job;
use crate::sys::{self, Ending};

/// How often a server is asked whether it lives, where no watchdog says.
const LIVENESS_EVERY: Duration = Duration::from_secs(10);

/// A command before the start may take so long before systemd's own patience counts again.
const PATIENCE: Duration = Duration::from_secs(600);

/// The generations of a site, from the first start to the last end: the machine decides, and this
/// carries out what needs no secret. The rest is handed to the caller, step by step.
#[derive(Debug)]
pub struct Supervisor<'a> {
    around: Surroundings<'a>,
    machine: Machine,
    drain: Duration,
    control: Option<Control>,
    watch: Watch,
    lives: Vec<Life>,
    gate: Option<Task>,
    errands: Errands,
    /// When the caller wants to be called without anything having happened.
    alarm: Option<Instant>,
    /// Before this, a gate has systemd wait.
    patience_ends: Instant,
    steps: VecDeque<Step>,
    /// The last signal by which somebody wanted the end, keybearer among them.
    asked: Option<Signal>,
    was_ready: bool,
    /// What the last probe of a generation came to that never was ready.
    last_answer: Option<String>,
    watchdog_at: Option<Instant>,
    extend_at: Option<Instant>,
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
            lives: Vec::new(),
            gate: None,
            errands: Errands::default(),
            alarm: None,
            patience_ends: now + PATIENCE,
            steps: around.signals.take_kept().map(Step::Hup).into_iter().collect(),
            asked: None,
            was_ready: false,
            last_answer: None,
            watchdog_at: around.systemd.watchdog_every().map(|_| now),
            extend_at: around.systemd.is_listening().then_some(now),
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
        self.patience_ends = Instant::now() + PATIENCE;
        self.gate = Some(Task::new(process, what, self.drain));
    }

    pub fn started(&mut self, generation: Generation, started: Started) {
        let status = format!("starting: waiting for {}", started.readiness.awaited());
        self.around.systemd.status(&status);
        let every = self.around.systemd.watchdog_every().unwrap_or(LIVENESS_EVERY);
        self.lives.push(Life::new(generation, started, every));
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
        let living = self.lives.iter().filter(|life| life.lives());
        living.map(|life| (life.generation, life.process.pid))
    }

    /// What `systemctl status` shows of the one that serves.
    pub fn status(&self) -> &str {
        let serving = self.machine.serving();
        let life = self.lives.iter().find(|life| Some(life.generation) == serving);
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
            self.look_at_readiness(now);
            self.look_at_liveness(now);
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
            self.keep_manager_patient(now);
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
            && self.lives.len() == 1
            && self.errands.is_empty()
            && !self.is_stopping();
        if is_quiet && !self.rests {
            sys::give_code_back();
            self.rests = true;
        }
    }

    fn wait(&self) -> io::Result<()> {
        let coming = self.machine.coming();
        let serving = self.machine.serving();
        let is = |life: &Life, one: Option<Generation>| Some(life.generation) == one;
        let mut wait = Wait::default();
        wait.readable([self.around.signals.as_fd()]);
        wait.until(self.machine.deadline());
        wait.until(self.gate.as_ref().and_then(Task::deadline));
        wait.until(self.watchdog_at);
        wait.until(self.around.systemd.deadline());
        wait.until(self.extend_at.filter(|_| self.is_waited_for()));
        wait.until(self.more_orphans.then(Instant::now));
        wait.until(self.alarm);
        self.errands.watch(&mut wait);
        wait.readable(self.watch.descriptor());
        wait.until(self.watch.deadline());
        if let Some(control) = &self.control {
            wait.on(control.descriptors().map(|(fd, flags)| PollFd::new(fd, flags)));
            wait.until(control.deadline());
        }
        for life in &self.lives {
            wait.until(life.deadline());
            // One that has ended is asked no more, and its next question never comes.
            let starting = is(life, coming) && life.lives();
            wait.until(life.readiness.deadline().filter(|_| starting));
            wait.readable(life.readiness.descriptor(starting).filter(|_| life.lives()));
            let liveness = life.liveness.as_ref().filter(|_| is(life, serving));
            wait.until(liveness.map(Liveness::deadline));
            wait.readable(liveness.and_then(Liveness::descriptor));
        }
        wait.poll()
    }

    /// systemd has its own patience, which a slow start or hand-over may need more of.
    /// Between the two hand-overs of a pair too, while the one before last drains.
    fn is_waited_for(&self) -> bool {
        match self.gate {
            Some(_) => Instant::now() < self.patience_ends,
            None => !self.machine.is_idle(),
        }
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
                    self.kill(generation);
                    continue;
                }
                Action::Serves(generation) => {
                    self.serves(generation, now);
                    Step::Serves(generation)
                }
                Action::Fails(generation, why) => {
                    let life = self.lives.iter_mut().find(|life| life.generation == generation);
                    if let Some(life) = life {
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
        let mut others = self.lives.iter().filter(|life| life.generation != generation);
        let before = others.next_back().map(|life| life.process.pid);
        let Some(life) = self.lives.iter_mut().find(|life| life.generation == generation) else {
            return;
        };
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
                self.say_ended(generation, ending);
                format!("{generation} ended: {ending}")
            }
            (Cause::NotBack, _) => "neither the new nor the old environment lives".to_owned(),
        };
        if !matches!(cause, Cause::Ended(..)) {
            log::info(format_args!("stopping the server: {why}"));
        }
        self.around.systemd.stopping(&format!("stopping: {why}"));
    }

    /// Where it was alone there is nothing to say that its end does not.
    fn say_ended(&self, generation: Generation, ending: Ending) {
        let others = self.lives.iter().map(|life| life.generation);
        match others.filter(|other| *other != generation).max() {
            Some(other) if other > generation => log::error(format_args!(
                "{generation}, which served, ended in the middle of a hand-over: {ending}; stopping the other one, which never served"
            )),
            Some(other) => log::error(format_args!(
                "{generation} ended right after it took over: {ending}; {other} cannot come back, since it leaves"
            )),
            None => {}
        }
    }

    fn tell(&mut self, generation: Generation, signal: Signal) {
        let ends = matches!(signal, Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT);
        let by_itself = matches!(self.machine.cause(), Some(Cause::Ended(..)));
        if ends && !by_itself && self.machine.serving().is_none_or(|one| one == generation) {
            self.asked = Some(signal);
        }
        let life = self.lives.iter().find(|life| life.generation == generation);
        if let Some(life) = life.filter(|life| life.lives()) {
            log::debug(format_args!("sending {signal} to {generation}"));
            life.process.tell(signal);
        }
    }

    fn kill(&self, generation: Generation) {
        let life = self.lives.iter().find(|life| life.generation == generation);
        if let Some(life) = life.filter(|life| life.lives()) {
            log::warning(format_args!(
                "{} has not ended within {:?}; killing its process group",
                life.process.what, self.drain
            ));
            life.process.kill_group();
        }
    }

    fn look_at_children(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let mut gone = Vec::new();
        for life in &mut self.lives {
            match life.look(now)? {
                News::Nothing => {}
                News::Stopped => {
                    if let Some(terminal) = self.around.terminal {
                        terminal.stop_with(life.process.pid);
                    }
                }
                News::Gone(ending) => gone.push((life.generation, ending)),
            }
        }
        if let Some(end) = self.gate.as_mut().map(Task::look).transpose()?.flatten() {
            self.gate = None;
            self.steps.push_back(Step::GateEnded(end));
        }
        self.steps.extend(self.errands.advance(now));
        let living = self.lives.iter().filter(|life| life.lives()).map(|life| life.process.pid);
        let gate = self.gate.as_ref().map(Task::pid);
        let ours: Vec<Pid> = living.chain(gate).chain(self.errands.pids()).collect();
        self.more_orphans = reap_orphans(&ours)?;
        for (generation, ending) in gone {
            log::debug(format_args!("{generation} is gone: {ending}"));
            self.rests = false;
            self.step(Event::Gone(generation, ending));
            self.lives.retain(|life| life.generation != generation);
            if !self.lives.is_empty() {
                self.steps.push_back(Step::Left);
            }
        }
        Ok(())
    }

    fn look_at_readiness(&mut self, now: Instant) {
        let coming = self.machine.coming();
        let lives = self.lives.iter_mut().filter(|life| life.lives());
        let ready: Vec<Generation> = lives
            .filter_map(|life| {
                let starting = Some(life.generation) == coming;
                life.look_at_readiness(starting, now).then_some(life.generation)
            })
            .collect();
        for generation in ready {
            self.step(Event::Ready(generation));
        }
    }

    fn look_at_liveness(&mut self, now: Instant) {
        let serving = self.machine.serving();
        let Some(life) = self.lives.iter_mut().find(|life| Some(life.generation) == serving) else {
            return;
        };
        match life.liveness.as_mut().and_then(|liveness| liveness.advance(now)) {
            Some(Turn::Back) => {
                log::info(format_args!("{} answers again", life.process.what));
                self.around.systemd.status(&life.status);
            }
            Some(Turn::Silent { reason, misses }) => {
                log::error(format_args!(
                    "{} does not answer ({reason}), {misses} times in a row",
                    life.process.what
                ));
                self.around.systemd.status("not answering");
            }
            None => {}
        }
    }

    fn keep_manager_patient(&mut self, now: Instant) {
        self.around.systemd.advance(now);
        if self.watchdog_at.is_some_and(|at| at <= now) {
            let serving = self.machine.serving();
            let life = self.lives.iter().find(|life| Some(life.generation) == serving);
            let liveness = life.and_then(|life| life.liveness.as_ref());
            if liveness.is_none_or(Liveness::answers) {
                self.around.systemd.alive();
            }
            self.watchdog_at = self.around.systemd.watchdog_every().map(|every| now + every);
        }
        if self.is_waited_for() && self.extend_at.is_some_and(|at| at <= now) {
            self.around.systemd.extend();
            self.extend_at = Some(now + EXTENSION / 3);
        }
    }
}

#[cfg(test)]
mod tests;
