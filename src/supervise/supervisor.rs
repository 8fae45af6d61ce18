use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::children::reap_orphans;
use super::liveness::{Liveness, Turn};
use super::machine::{Action, Event, Machine};
use super::prober::{Answer, Prober};
use super::systemd::EXTENSION;
use super::terminal::Terminal;
use super::{Arrival, Cause, Readiness, Signals, Systemd};
use crate::launch;
use crate::log;
use crate::sys::{self, Change, Ending};

/// How often a server is asked whether it lives, where no watchdog says.
const LIVENESS_EVERY: Duration = Duration::from_secs(10);

/// A command before the start may take so long before systemd's own patience counts again.
const PATIENCE: Duration = Duration::from_secs(600);

/// What the supervisor lives with as long as it lives.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    pub signals: &'a Signals,
    pub systemd: &'a Systemd,
    pub terminal: Option<&'a Terminal>,
    pub drain: Duration,
}

/// One process of the site's, from its start to its end.
#[derive(Debug)]
pub struct Supervisor<'a> {
    around: Surroundings<'a>,
    process: Pid,
    /// For messages: `the server`, `the command 'x'`.
    what: String,
    serving: String,
    machine: Machine,
    readiness: Readiness<'a>,
    liveness: Option<Liveness>,
    asked: Option<Signal>,
    was_ready: bool,
    last_answer: Option<String>,
    watchdog_at: Option<Instant>,
    extend_at: Option<Instant>,
    extend_until: Option<Instant>,
    /// The last HUP, until it is acted upon.
    hup: Option<Arrival>,
    fetch_again: Option<Arrival>,
    more_orphans: bool,
}

/// What the caller has to do next.
#[derive(Debug)]
pub enum Step {
    /// HUP: fetch again, then go on.
    FetchAgain(Arrival),
    Ended(Outcome),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub ending: Ending,
    /// Why it was stopped, if it was.
    pub cause: Option<Cause>,
    /// The last that somebody sent to end it, keybearer among them.
    pub asked: Option<Signal>,
    pub was_ready: bool,
    /// What the last probe came to, where it never was ready.
    pub last_answer: Option<String>,
}

impl Outcome {
    /// The signal by which somebody wanted the end, rather than the process itself.
    pub fn interrupted_by(&self) -> Option<Signal> {
        match self.cause {
            // Where a terminal went away the TERM was keybearer's own.
            Some(Cause::Asked(signal)) => Some(signal),
            Some(Cause::NotReady) | None => self.asked,
        }
    }
}

impl<'a> Supervisor<'a> {
    /// Takes over a process that was just started. `within` bounds the wait for `readiness`.
    pub fn new(
        around: Surroundings<'a>,
        process: Pid,
        what: &str,
        readiness: Readiness<'a>,
        within: Option<Duration>,
    ) -> Supervisor<'a> {
        let now = Instant::now();
        around.systemd.status(&format!("starting: waiting for {}", readiness.awaited()));
        let command = matches!(readiness, Readiness::Nothing);
        let kept = (!command).then(|| around.signals.take_kept()).flatten();
        let mut supervisor = Supervisor {
            machine: Machine::started(within.map(|within| now + within), around.drain),
            watchdog_at: around.systemd.watchdog_every().map(|_| now),
            extend_at: around.systemd.is_listening().then_some(now),
            around,
            process,
            what: what.to_owned(),
            serving: String::new(),
            readiness,
            liveness: None,
            asked: None,
            was_ready: false,
            last_answer: None,
            extend_until: command.then(|| now + PATIENCE),
            hup: None,
            fetch_again: None,
            more_orphans: false,
        };
        if let Some(hup) = kept {
            supervisor.take(hup);
        }
        supervisor
    }

    /// What `systemctl status` shows once it serves.
    pub fn serving_as(mut self, status: String) -> Self {
        self.serving = status;
        self
    }

    /// Goes on asking a probed server whether it lives; three misses withhold the watchdog.
    pub fn with_liveness(mut self, prober: Prober) -> Self {
        let every = self.around.systemd.watchdog_every().unwrap_or(LIVENESS_EVERY);
        self.liveness = Some(Liveness::new(prober, every));
        self
    }

    /// Waits for what happens next; nothing wakes it while nothing happens.
    pub fn wait_for_step(&mut self) -> io::Result<Step> {
        loop {
            if let Some(arrival) = self.fetch_again.take() {
                return Ok(Step::FetchAgain(arrival));
            }
            if let Some(ending) = self.reap()? {
                return Ok(Step::Ended(self.outcome(ending)));
            }
            self.wait()?;
            while let Some(arrival) = self.around.signals.next() {
                self.take(arrival);
            }
            let now = Instant::now();
            self.look_at_readiness(now);
            self.look_at_liveness(now);
            self.step(Event::Clock, None, now);
            self.keep_manager_patient(now);
        }
    }

    fn outcome(&mut self, ending: Ending) -> Outcome {
        Outcome {
            ending,
            cause: self.machine.stopped_for(),
            asked: self.asked,
            was_ready: self.was_ready,
            last_answer: self.last_answer.take(),
        }
    }

    fn wait(&self) -> io::Result<()> {
        let liveness = self.liveness.as_ref().filter(|_| self.machine.is_serving());
        let starting = self.machine.is_starting();
        let deadline = [
            self.machine.deadline(),
            self.readiness.deadline().filter(|_| starting),
            liveness.map(Liveness::deadline),
            self.watchdog_at,
            self.extend_at.filter(|_| starting),
        ]
        .into_iter()
        .flatten()
        .min();
        let mut watched = vec![PollFd::new(self.around.signals.as_fd(), PollFlags::POLLIN)];
        if let Some(descriptor) = self.readiness.descriptor(starting) {
            watched.push(PollFd::new(descriptor, PollFlags::POLLIN));
        }
        if let Some(descriptor) = liveness.and_then(Liveness::descriptor) {
            watched.push(PollFd::new(descriptor, PollFlags::POLLIN));
        }
        let timeout = if self.more_orphans { PollTimeout::ZERO } else { timeout(deadline) };
        match poll(&mut watched, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn take(&mut self, arrival: Arrival) {
        let gone = arrival.signal == Signal::SIGHUP
            && (arrival.from_kernel || self.around.terminal.is_some_and(Terminal::is_gone));
        let event = match arrival.signal {
            // Told by the next look at the children.
            Signal::SIGCHLD => return,
            Signal::SIGHUP if gone => Event::TerminalGone,
            // The server that comes after this command is started with what was fetched before it.
            Signal::SIGHUP if matches!(self.readiness, Readiness::Nothing) => {
                return self.around.signals.keep(arrival);
            }
            signal => Event::Signal(signal),
        };
        if event == Event::Signal(Signal::SIGHUP) {
            self.hup = Some(arrival);
        }
        log::debug(format_args!("got {arrival}"));
        self.step(event, Some(arrival), Instant::now());
    }

    fn step(&mut self, event: Event, arrival: Option<Arrival>, now: Instant) {
        for action in self.machine.step(event, now) {
            match action {
                Action::Forward(signal) => self.forward(signal),
                Action::KillGroup => {
                    log::warning(format_args!(
                        "{} has not ended within {:?}; killing its process group",
                        self.what, self.around.drain
                    ));
                    self.kill_group();
                }
                Action::SayReady => {
                    self.was_ready = true;
                    log::info(&self.serving);
                    self.around.systemd.ready(&self.serving);
                    sys::give_code_back();
                    if let Some(liveness) = &mut self.liveness {
                        liveness.begin(now);
                    }
                }
                Action::SayStopping(cause) => self.say_stopping(cause, arrival),
                Action::FetchAgain => self.fetch_again = self.hup.take(),
            }
        }
    }

    fn say_stopping(&self, cause: Cause, arrival: Option<Arrival>) {
        let why = match (cause, arrival) {
            (Cause::NotReady, _) => "not ready in time".to_owned(),
            (Cause::Asked(_), Some(arrival)) => arrival.to_string(),
            (Cause::Asked(signal), None) => signal.to_string(),
        };
        log::info(format_args!("stopping {}: {why}", self.what));
        self.around.systemd.stopping(&format!("stopping: {why}"));
    }

    fn forward(&mut self, signal: Signal) {
        if matches!(signal, Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT) {
            self.asked = Some(signal);
        }
        if let Err(error) = launch::signal(self.process, signal) {
            log::error(format_args!(
                "cannot send {signal} to {} (pid {}): {error}",
                self.what, self.process
            ));
        }
    }

    fn kill_group(&self) {
        if let Err(error) = launch::kill_group(self.process) {
            log::error(format_args!(
                "cannot kill the process group of {} ({}): {error}",
                self.what, self.process
            ));
        }
    }

    /// Some when the server has ended. Its group is killed while its zombie still holds the group's id.
    fn reap(&mut self) -> io::Result<Option<Ending>> {
        match sys::look_at(self.process)? {
            Some(Change::Ended(ending)) => {
                self.kill_group();
                sys::reap(self.process)?;
                return Ok(Some(ending));
            }
            Some(Change::Stopped) => {
                sys::acknowledge_stop(self.process)?;
                if let Some(terminal) = self.around.terminal {
                    terminal.stop_with(self.process);
                }
            }
            None => {}
        }
        self.more_orphans = reap_orphans(self.process)?;
        Ok(None)
    }

    fn look_at_readiness(&mut self, now: Instant) {
        let starting = self.machine.is_starting();
        match self.readiness.advance(self.process, starting, now) {
            Some(Answer::Good) => self.step(Event::Ready, None, now),
            Some(Answer::Bad(reason)) => {
                log::debug(format_args!("{} is not ready: {reason}", self.what));
                self.last_answer = Some(reason);
            }
            None => {}
        }
    }

    fn look_at_liveness(&mut self, now: Instant) {
        if !self.machine.is_serving() {
            return;
        }
        match self.liveness.as_mut().and_then(|liveness| liveness.advance(now)) {
            Some(Turn::Back) => {
                log::info(format_args!("{} answers again", self.what));
                self.around.systemd.status(&self.serving);
            }
            Some(Turn::Silent { reason, misses }) => {
                log::error(format_args!(
                    "{} does not answer ({reason}), {misses} times in a row",
                    self.what
                ));
                self.around.systemd.status("not answering");
            }
            None => {}
        }
    }

    fn keep_manager_patient(&mut self, now: Instant) {
        if self.watchdog_at.is_some_and(|at| at <= now) {
            if self.liveness.as_ref().is_none_or(Liveness::answers) {
                self.around.systemd.alive();
            }
            self.watchdog_at = self.around.systemd.watchdog_every().map(|every| now + every);
        }
        if self.machine.is_starting() && self.extend_at.is_some_and(|at| at <= now) {
            self.around.systemd.extend();
            let next = now + EXTENSION / 3;
            self.extend_at = self.extend_until.is_none_or(|until| next < until).then_some(next);
        }
    }
}

/// Rounded up to the millisecond that poll(2) knows, so that it does not wake too early.
fn timeout(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now());
    let milliseconds = left.as_micros().div_ceil(1000);
    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
}
