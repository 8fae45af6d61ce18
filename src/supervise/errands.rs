use std::time::Instant;

use nix::unistd::Pid;

use super::errand::Errand;
use super::step::Step;
use super::wait::Wait;
use crate::stores::Job;

/// Helpers that ask the stores and commands that print secrets, and what for.
#[derive(Debug, Default)]
pub(super) struct Errands(Vec<(Errand, Job)>);

impl Errands {
    /// One that is out on the same errand is called off.
    pub fn send(&mut self, errand: Errand, job: Job) {
        self.0.retain(|(other, _)| *other != errand);
        self.0.push((errand, job));
    }

    pub fn is_out(&self, errand: Errand) -> bool {
        self.0.iter().any(|(other, _)| *other == errand)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything ends: nobody needs what the others would bring.
    pub fn keep_worth_finishing(&mut self) {
        self.0.retain(|(errand, _)| errand.is_worth_finishing());
    }

    pub fn pids(&self) -> impl Iterator<Item = Pid> {
        self.0.iter().flat_map(|(_, job)| job.pids())
    }

    pub fn watch<'a>(&'a self, wait: &mut Wait<'a>) {
        for (_, job) in &self.0 {
            wait.on(job.watched());
            wait.until(job.deadline());
        }
    }

    /// Those that are back.
    pub fn advance(&mut self, now: Instant) -> Vec<Step> {
        let mut steps = Vec::new();
        self.0.retain_mut(|(errand, job)| match job.advance(now) {
            None => true,
            Some(answer) => {
                steps.push(Step::Answered(*errand, answer));
                false
            }
        });
        steps
    }
}
