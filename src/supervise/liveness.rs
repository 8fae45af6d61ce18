use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::prober::{Answer, Prober};

/// This many missed answers in a row and the server is taken for hung.
const MISSES: u32 = 3;

/// Asks a serving server now and then whether it lives.
#[derive(Debug)]
pub(super) struct Liveness {
    prober: Prober,
    every: Duration,
    missed: u32,
}

/// What the last question has changed.
#[derive(Debug)]
pub(super) enum Turn {
    Silent { reason: String, misses: u32 },
    Back,
}

impl Liveness {
    pub fn new(prober: Prober, every: Duration) -> Liveness {
        Liveness { prober, every, missed: 0 }
    }

    pub fn begin(&mut self, now: Instant) {
        self.prober.rest_until(now + self.every);
    }

    pub fn answers(&self) -> bool {
        self.missed < MISSES
    }

    pub fn deadline(&self) -> Instant {
        self.prober.deadline()
    }

    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.prober.descriptor()
    }

    pub fn advance(&mut self, now: Instant) -> Option<Turn> {
        let answer = self.prober.advance(now)?;
        self.prober.rest_until(now + self.every);
        let answered = self.answers();
        match answer {
            Answer::Good => {
                self.missed = 0;
                (!answered).then_some(Turn::Back)
            }
            Answer::Bad(reason) => {
                self.missed = self.missed.saturating_add(1);
                (self.missed == MISSES).then_some(Turn::Silent { reason, misses: MISSES })
            }
        }
    }
}
