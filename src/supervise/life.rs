use std::io;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use super::liveness::Liveness;
use super::prober::{Answer, Prober};
use super::process::Process;
use super::{Generation, Readiness};
use crate::log;
use crate::sys::{Change, Ending};

/// What is left of a group after KILL is gone in a moment, or hangs in the kernel.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at a group that nobody tells about: its processes are not all our children.
const GLANCE: Duration = Duration::from_millis(20);

/// A generation that was started, until nothing of it is left.
#[derive(Debug)]
pub(super) struct Life {
    pub generation: Generation,
    pub process: Process,
    pub readiness: Readiness,
    pub liveness: Option<Liveness>,
    /// For `systemctl status`, once it serves.
    pub status: String,
    /// What the last probe came to, while it was not ready.
    pub last_answer: Option<String>,
    ended: Option<Ended>,
}

#[derive(Debug, Clone, Copy)]
struct Ended {
    ending: Ending,
    glance_at: Instant,
    give_up: Instant,
}

/// What a look at it has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    Nothing,
    Stopped,
    Gone(Ending),
}

/// A process that was just started, and how it is known to serve.
#[derive(Debug)]
pub struct Started {
    pub process: Pid,
    pub readiness: Readiness,
    /// It goes on being asked whether it lives.
    pub liveness: Option<Prober>,
    pub status: String,
}

impl Life {
    pub fn new(generation: Generation, started: Started, liveness_every: Duration) -> Life {
        let Started { process, readiness, liveness, status } = started;
        Life {
            generation,
            process: Process { pid: process, what: "the server".to_owned() },
            readiness,
            liveness: liveness.map(|prober| Liveness::new(prober, liveness_every)),
            status,
            last_answer: None,
            ended: None,
        }
    }

    /// Its first process has not ended.
    pub fn lives(&self) -> bool {
        self.ended.is_none()
    }

    pub fn look(&mut self, now: Instant) -> io::Result<News> {
        if self.ended.is_none() {
            match self.process.look()? {
                None => return Ok(News::Nothing),
                Some(Change::Stopped) => return Ok(News::Stopped),
                Some(Change::Ended(ending)) => {
                    let give_up = now + PATIENCE;
                    self.ended = Some(Ended { ending, glance_at: now, give_up });
                }
            }
        }
        let Some(ended) = &mut self.ended else { return Ok(News::Nothing) };
        if self.process.group_is_gone() {
            return Ok(News::Gone(ended.ending));
        }
        if ended.give_up <= now {
            log::warning(format_args!(
                "processes of {} (group {}) are still there {PATIENCE:?} after KILL; going on without them",
                self.generation, self.process.pid
            ));
            return Ok(News::Gone(ended.ending));
        }
        ended.glance_at = now + GLANCE;
        Ok(News::Nothing)
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.ended.map(|ended| ended.glance_at)
    }

    /// True when it has become ready.
    pub fn look_at_readiness(&mut self, starting: bool, now: Instant) -> bool {
        match self.readiness.advance(self.process.pid, starting, now) {
            Some(Answer::Good) => true,
            Some(Answer::Bad(reason)) => {
                log::debug(format_args!("{} is not ready: {reason}", self.generation));
                self.last_answer = Some(reason);
                false
            }
            None => false,
        }
    }
}
