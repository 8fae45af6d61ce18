use std::io;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::life::{Life, News, Started};
use super::liveness::{Liveness, Turn};
use super::wait::Wait;
use super::{Generation, Systemd, Terminal};
use crate::log;
use crate::sys::Ending;

/// The generations that were started, until nothing of them is left.
#[derive(Debug, Default)]
pub(super) struct Lives(Vec<Life>);

impl Lives {
    pub fn begin(&mut self, generation: Generation, started: Started, liveness_every: Duration) {
        self.0.push(Life::new(generation, started, liveness_every));
    }

    pub fn get(&self, generation: Generation) -> Option<&Life> {
        self.0.iter().find(|life| life.generation == generation)
    }

    pub fn get_mut(&mut self, generation: Generation) -> Option<&mut Life> {
        self.0.iter_mut().find(|life| life.generation == generation)
    }

    pub fn remove(&mut self, generation: Generation) {
        self.0.retain(|life| life.generation != generation);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn is_alone(&self) -> bool {
        self.0.len() == 1
    }

    /// The first process of the one that was started last beside this one.
    pub fn beside(&self, generation: Generation) -> Option<Pid> {
        let mut others = self.0.iter().filter(|life| life.generation != generation);
        others.next_back().map(|life| life.process.pid)
    }

    /// The first processes of those that live, with their generations.
    pub fn processes(&self) -> impl Iterator<Item = (Generation, Pid)> {
        let living = self.0.iter().filter(|life| life.lives());
        living.map(|life| (life.generation, life.process.pid))
    }

    pub fn watch<'a>(
        &'a self,
        wait: &mut Wait<'a>,
        coming: Option<Generation>,
        serving: Option<Generation>,
    ) {
        for life in &self.0 {
            wait.until(life.deadline());
            // One that has ended is asked no more, and its next question never comes.
            let starting = coming == Some(life.generation) && life.lives();
            wait.until(life.readiness.deadline().filter(|_| starting));
            wait.readable(life.readiness.descriptor(starting).filter(|_| life.lives()));
            let serves = serving == Some(life.generation);
            let liveness = life.liveness.as_ref().filter(|_| serves);
            wait.until(liveness.map(Liveness::deadline));
            wait.readable(liveness.and_then(Liveness::descriptor));
        }
    }

    /// Those of which nothing is left since the last look.
    pub fn look(
        &mut self,
        now: Instant,
        terminal: Option<&Terminal>,
    ) -> io::Result<Vec<(Generation, Ending)>> {
        let mut gone = Vec::new();
        for life in &mut self.0 {
            match life.look(now)? {
                News::Nothing => {}
                News::Stopped => {
                    if let Some(terminal) = terminal {
                        terminal.stop_with(life.process.pid);
                    }
                }
                News::Gone(ending) => gone.push((life.generation, ending)),
            }
        }
        Ok(gone)
    }

    /// Those that have become ready.
    pub fn ready(&mut self, coming: Option<Generation>, now: Instant) -> Vec<Generation> {
        let living = self.0.iter_mut().filter(|life| life.lives());
        let ready = living.filter_map(|life| {
            let starting = Some(life.generation) == coming;
            life.look_at_readiness(starting, now).then_some(life.generation)
        });
        ready.collect()
    }

    pub fn look_at_liveness(&mut self, serving: Generation, now: Instant, systemd: &Systemd) {
        let Some(life) = self.get_mut(serving) else { return };
        match life.liveness.as_mut().and_then(|liveness| liveness.advance(now)) {
            Some(Turn::Back) => {
                log::info(format_args!("{} answers again", life.process.what));
                systemd.status(&life.status);
            }
            Some(Turn::Silent { reason, misses }) => {
                log::error(format_args!(
                    "{} does not answer ({reason}), {misses} times in a row",
                    life.process.what
                ));
                systemd.status("not answering");
            }
            None => {}
        }
    }

    /// One that is not asked is taken to.
    pub fn answers(&self, serving: Option<Generation>) -> bool {
        let life = serving.and_then(|serving| self.get(serving));
        life.and_then(|life| life.liveness.as_ref()).is_none_or(Liveness::answers)
    }

    pub fn tell(&self, generation: Generation, signal: Signal) {
        if let Some(life) = self.get(generation).filter(|life| life.lives()) {
            log::debug(format_args!("sending {signal} to {generation}"));
            life.process.tell(signal);
        }
    }

    pub fn kill(&self, generation: Generation, drain: Duration) {
        if let Some(life) = self.get(generation).filter(|life| life.lives()) {
            log::warning(format_args!(
                "{} has not ended within {drain:?}; killing its process group",
                life.process.what
            ));
            life.process.kill_group();
        }
    }

    /// Where it was alone there is nothing to say that its end does not.
    pub fn say_ended(&self, generation: Generation, ending: Ending) {
        let others = self.0.iter().map(|life| life.generation);
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
}
