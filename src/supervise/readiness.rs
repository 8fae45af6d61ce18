use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use super::prober::{Answer, Prober};
use super::{Heard, ProbeSocket};

/// How it is known that a server serves.
#[derive(Debug)]
pub enum Readiness {
    /// It answers on its private socket.
    Probe { socket: ProbeSocket, prober: Prober },
    /// It says READY=1 on a socket of ours.
    Heard(Heard),
    /// It can be neither asked nor heard: it must live so long.
    Settle { until: Instant },
}

impl Readiness {
    pub fn settle(now: Instant, settle: Duration) -> Readiness {
        Readiness::Settle { until: now + settle }
    }

    /// A server that has said that it is ready goes on talking, and would wait for ever if nobody read.
    pub fn descriptor(&self, starting: bool) -> Option<BorrowedFd<'_>> {
        match self {
            Readiness::Probe { prober, .. } => prober.descriptor().filter(|_| starting),
            Readiness::Heard(heard) => Some(heard.as_fd()),
            Readiness::Settle { .. } => None,
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Readiness::Probe { prober, .. } => Some(prober.deadline()),
            Readiness::Settle { until } => Some(*until),
            Readiness::Heard(_) => None,
        }
    }

    /// Some(Good) when `process` is ready, Some(Bad) when it has just shown that it is not.
    pub fn advance(&mut self, process: Pid, starting: bool, now: Instant) -> Option<Answer> {
        match self {
            Readiness::Heard(heard) => heard.is_ready(process).then_some(Answer::Good),
            Readiness::Probe { prober, .. } if starting => prober.advance(now),
            Readiness::Settle { until } if starting => (*until <= now).then_some(Answer::Good),
            Readiness::Probe { .. } | Readiness::Settle { .. } => None,
        }
    }

    /// For the status line: what is waited for.
    pub fn awaited(&self) -> String {
        match self {
            Readiness::Probe { prober, .. } => format!("an answer to {}", prober.request().shown()),
            Readiness::Heard(_) => "its READY=1".to_owned(),
            Readiness::Settle { .. } => "it to settle".to_owned(),
        }
    }
}
