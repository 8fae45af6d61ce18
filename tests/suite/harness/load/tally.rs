use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use super::figures::{Failure, Loss};
use super::{Answer, Fault, Figures, Kind};
use crate::harness::DEADLINE;

/// Where the clients of a load write down what they saw, and where the test reads it.
#[derive(Debug)]
pub struct Tally {
    began: Instant,
    figures: Mutex<Figures>,
    changed: Condvar,
    stopped: AtomicBool,
}

impl Tally {
    pub fn new() -> Tally {
        Tally {
            began: Instant::now(),
            figures: Mutex::default(),
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
        }
    }

    pub fn answered(&self, kind: Kind, asked: Instant, answer: &Answer) {
        let waited = answer.began.saturating_duration_since(asked);
        self.write(|figures| {
            *figures.answered.entry(kind).or_default() += 1;
            figures.longest = figures.longest.max(Some((waited, kind)));
            if let Some(master) = answer.master() {
                *figures.masters.entry(master).or_default() += 1;
            }
        });
    }

    pub fn failed(&self, kind: Kind, fault: Fault) {
        let at = self.began.elapsed();
        self.write(|figures| figures.failures.push(Failure { at, kind, fault }));
    }

    pub fn lost(&self, user: &str, what: &'static str, master: Option<u32>) {
        let at = self.began.elapsed();
        self.write(|figures| {
            figures.losses.push(Loss { at, user: user.to_owned(), what, master });
        });
    }

    pub fn raced(&self) {
        self.write(|figures| figures.raced += 1);
    }

    pub fn closed_between(&self) {
        self.write(|figures| figures.closed_between += 1);
    }

    fn write(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.figures.lock().unwrap());
        self.changed.notify_all();
    }

    pub fn figures(&self) -> Figures {
        self.figures.lock().unwrap().clone()
    }

    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Waits until the figures are as the test wants them.
    #[track_caller]
    pub fn wait_until(&self, what: &str, enough: impl Fn(&Figures) -> bool) {
        let until = Instant::now() + DEADLINE;
        let mut figures = self.figures.lock().unwrap();
        while !enough(&figures) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(left > Duration::ZERO, "never happened: {what}\n{figures}");
            figures = self.changed.wait_timeout(figures, left).unwrap().0;
        }
    }
}
