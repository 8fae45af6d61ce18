use std::time::{Duration, Instant};

use super::Systemd;
use super::systemd::EXTENSION;
use super::wait::Wait;

/// A command before the start may take so long before systemd's own patience counts again.
const GATE: Duration = Duration::from_secs(600);

/// systemd has its own patience, which a slow start or hand-over may need more of.
#[derive(Debug)]
pub(super) struct Patience<'a> {
    systemd: &'a Systemd,
    watchdog_at: Option<Instant>,
    extend_at: Option<Instant>,
    /// Before this, a gate has systemd wait.
    gate_ends: Instant,
}

impl<'a> Patience<'a> {
    pub fn new(systemd: &'a Systemd, now: Instant) -> Patience<'a> {
        Patience {
            systemd,
            watchdog_at: systemd.watchdog_every().map(|_| now),
            extend_at: systemd.is_listening().then_some(now),
            gate_ends: now + GATE,
        }
    }

    pub fn gate_begins(&mut self, now: Instant) {
        self.gate_ends = now + GATE;
    }

    /// Between the two hand-overs of a pair too, while the one before last drains.
    pub fn is_asked_for(&self, gating: bool, idle: bool) -> bool {
        match gating {
            true => Instant::now() < self.gate_ends,
            false => !idle,
        }
    }

    pub fn watch(&self, wait: &mut Wait<'_>, asked_for: bool) {
        wait.until(self.systemd.deadline());
        wait.until(self.watchdog_at);
        wait.until(self.extend_at.filter(|_| asked_for));
    }

    /// Says what is due; the watchdog is fed only while the server `answers`.
    pub fn keep(&mut self, now: Instant, asked_for: bool, answers: bool) {
        self.systemd.advance(now);
        if self.watchdog_at.is_some_and(|at| at <= now) {
            if answers {
                self.systemd.alive();
            }
            self.watchdog_at = self.systemd.watchdog_every().map(|every| now + every);
        }
        if asked_for && self.extend_at.is_some_and(|at| at <= now) {
            self.systemd.extend();
            self.extend_at = Some(now + EXTENSION / 3);
        }
    }
}
