use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::children::reap_orphans;
use super::process::{Process, ending};
use super::wait::Wait;
use super::{Signals, Terminal};
use crate::log;
use crate::sys::Ending;

/// A command that runs and ends: one that must succeed before a server starts, or a question to
/// Django.
#[derive(Debug)]
pub struct Task {
    process: Process,
    drain: Duration,
    asked: Option<Signal>,
    kill_at: Option<Instant>,
}

/// Between two KILLs: a process may take a moment to go, and drain may be nothing.
const AGAIN: Duration = Duration::from_secs(1);

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskEnd {
    pub ending: Ending,
    /// The signal by which somebody wanted the end, rather than the command itself.
    pub interrupted_by: Option<Signal>,
}

impl Task {
    /// A process that was just started.
    pub fn new(process: Pid, what: &str, drain: Duration) -> Task {
        let process = Process { pid: process, what: what.to_owned() };
        Task { process, drain, asked: None, kill_at: None }
    }

    /// Waits for its end; signals reach it meanwhile.
    pub fn run_to_end(
        mut self,
        signals: &Signals,
        terminal: Option<&Terminal>,
    ) -> io::Result<TaskEnd> {
        loop {
            if let Some(end) = self.look()? {
                return Ok(end);
            }
            let more = reap_orphans(&[self.process.pid])?;
            let mut wait = Wait::default();
            wait.readable([signals.as_fd()]);
            wait.until(if more { Some(Instant::now()) } else { self.kill_at });
            wait.poll()?;
            while let Some(arrival) = signals.next() {
                let gone = arrival.from_kernel || terminal.is_some_and(Terminal::is_gone);
                match arrival.signal {
                    Signal::SIGCHLD => {}
                    Signal::SIGHUP if gone => self.end(Signal::SIGTERM, Signal::SIGHUP),
                    // Nothing runs yet that could take over a new key.
                    Signal::SIGHUP => {}
                    Signal::SIGTERM => self.end(Signal::SIGTERM, Signal::SIGTERM),
                    signal => self.tell(signal),
                }
            }
            self.clock(Instant::now());
        }
    }

    pub(super) fn pid(&self) -> Pid {
        self.process.pid
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.kill_at
    }

    pub(super) fn tell(&mut self, signal: Signal) {
        match signal {
            Signal::SIGTERM => self.end(signal, signal),
            Signal::SIGINT | Signal::SIGQUIT => {
                self.asked = Some(signal);
                self.process.tell(signal);
            }
            other => self.process.tell(other),
        }
    }

    /// A second one changes nothing.
    fn end(&mut self, signal: Signal, asked: Signal) {
        if self.kill_at.is_none() {
            self.asked = Some(asked);
            self.kill_at = Some(Instant::now() + self.drain);
            log::info(format_args!("stopping {}: {asked}", self.process.what));
            self.process.tell(signal);
        }
    }

    pub(super) fn clock(&mut self, now: Instant) {
        if let Some(at) = self.kill_at.filter(|at| *at <= now) {
            log::warning(format_args!(
                "{} has not ended within {:?}; killing its process group",
                self.process.what, self.drain
            ));
            self.process.kill_group();
            self.kill_at = Some(at + self.drain.max(AGAIN));
        }
    }

    pub(super) fn look(&mut self) -> io::Result<Option<TaskEnd>> {
        let ended = self.process.look()?.and_then(ending);
        Ok(ended.map(|ending| TaskEnd { ending, interrupted_by: self.asked }))
    }
}
