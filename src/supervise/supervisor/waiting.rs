use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use nix::poll::PollFd;
use nix::unistd::Pid;

use super::Supervisor;
use crate::supervise::children::reap_orphans;
use crate::supervise::machine::Event;
use crate::supervise::task::Task;
use crate::supervise::wait::Wait;
use crate::supervise::{Generation, Step};
use crate::{log, sys};

/// The loop: what has happened becomes an event, and what is decided about it a step.
impl Supervisor<'_> {
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
            for generation in self.lives.ready(self.machine.coming(), now) {
                self.step(Event::Ready(generation));
            }
            if let Some(serving) = self.machine.serving() {
                self.lives.look_at_liveness(serving, now, self.around.systemd);
            }
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
            let answers = self.lives.answers(self.machine.serving());
            self.patience.keep(now, self.is_waited_for(), answers);
        }
    }

    /// A start that was decided before everything was to end is not carried out.
    pub(super) fn next_step(&mut self) -> Option<Step> {
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
            && self.lives.is_alone()
            && self.errands.is_empty()
            && !self.is_stopping();
        if is_quiet && !self.rests {
            sys::give_code_back();
            self.rests = true;
        }
    }

    fn wait(&self) -> io::Result<()> {
        let mut wait = Wait::default();
        wait.readable([self.around.signals.as_fd()]);
        wait.until(self.machine.deadline());
        wait.until(self.gate.as_ref().and_then(Task::deadline));
        self.patience.watch(&mut wait, self.is_waited_for());
        wait.until(self.more_orphans.then(Instant::now));
        wait.until(self.alarm);
        self.errands.watch(&mut wait);
        wait.readable(self.watch.descriptor());
        wait.until(self.watch.deadline());
        if let Some(control) = &self.control {
            wait.on(control.descriptors().map(|(fd, flags)| PollFd::new(fd, flags)));
            wait.until(control.deadline());
        }
        self.lives.watch(&mut wait, self.machine.coming(), self.machine.serving());
        wait.poll()
    }

    pub(super) fn is_waited_for(&self) -> bool {
        self.patience.is_asked_for(self.gate.is_some(), self.machine.is_idle())
    }

    fn look_at_children(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let gone = self.lives.look(now, self.around.terminal)?;
        if let Some(end) = self.gate.as_mut().map(Task::look).transpose()?.flatten() {
            self.gate = None;
            self.steps.push_back(Step::GateEnded(end));
        }
        self.steps.extend(self.errands.advance(now));
        let living = self.lives.processes().map(|(_, process)| process);
        let gate = self.gate.as_ref().map(Task::pid);
        let ours: Vec<Pid> = living.chain(gate).chain(self.errands.pids()).collect();
        self.more_orphans = reap_orphans(&ours)?;
        for (generation, ending) in gone {
            log::debug(format_args!("{generation} is gone: {ending}"));
            self.rests = false;
            self.return_foreground(generation);
            self.step(Event::Gone(generation, ending));
            self.lives.remove(generation);
            if !self.lives.is_empty() {
                self.steps.push_back(Step::Left);
            }
        }
        Ok(())
    }

    /// One that never served may have had to read from the terminal: it took the keys with it.
    fn return_foreground(&self, gone: Generation) {
        let process = |generation| self.lives.get(generation).map(|life| life.process.pid);
        let serving = self.machine.serving().filter(|serving| *serving != gone);
        if let (Some(terminal), Some(server)) = (self.around.terminal, serving.and_then(process)) {
            terminal.give_to(server, process(gone));
        }
    }
}
