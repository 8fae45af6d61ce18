use std::os::fd::BorrowedFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::unistd::Pid;

use crate::exit::Exit;
use crate::helper::{self, Answer, Error, Failure, Got, Kind};
use crate::timeout;
use crate::tools::Run;

/// The helper and the commands that run for one errand, side by side.
#[derive(Debug)]
pub struct Job {
    helper: Option<helper::Job>,
    told: Option<Result<Answer, Error>>,
    /// One for each source that is fetched, in their order; none for another errand.
    places: Vec<Place>,
}

/// Where the answer of one source comes from.
#[derive(Debug)]
pub(super) enum Place {
    Helper,
    Run(Box<Run>),
    Known(Box<Result<Got, Failure>>),
}

impl Job {
    pub(super) fn new(helper: Option<helper::Job>, places: Vec<Place>) -> Job {
        Job { helper, told: None, places }
    }

    /// All of its processes.
    pub fn pids(&self) -> impl Iterator<Item = Pid> {
        self.helper.as_ref().map(helper::Job::pid).into_iter().chain(self.runs().map(Run::pid))
    }

    pub fn watched(&self) -> impl Iterator<Item = PollFd<'_>> {
        let helper = self.helper.as_ref().map(|job| PollFd::new(job.descriptor(), job.interest()));
        let runs = self.runs().flat_map(Run::descriptors);
        helper.into_iter().chain(runs.map(|fd| PollFd::new(fd, PollFlags::POLLIN)))
    }

    /// When it has to be looked at again, whatever its descriptors say.
    pub fn deadline(&self) -> Option<Instant> {
        let helper = self.helper.as_ref().map(helper::Job::deadline);
        helper.into_iter().chain(self.runs().map(Run::deadline)).min()
    }

    /// Some, once, when all of it is over; then its processes are gone as well.
    pub fn advance(&mut self, now: Instant) -> Option<Result<Answer, Error>> {
        if let Some(result) = self.helper.as_mut().and_then(|job| job.advance(now)) {
            self.helper = None;
            self.told = Some(result);
        }
        for place in &mut self.places {
            if let Place::Run(run) = place
                && let Some(result) = run.advance(now)
            {
                *place = Place::Known(Box::new(result));
            }
        }
        let is_over = self.helper.is_none() && self.runs().next().is_none();
        is_over.then(|| self.answer())
    }

    /// For a command, which has nothing else to do. `wake` is looked at too, and when it wakes us
    /// `interrupted` is asked.
    pub fn run(
        mut self,
        interrupted: &dyn Fn() -> bool,
        wake: Option<BorrowedFd<'_>>,
    ) -> Result<Answer, Error> {
        loop {
            if let Some(result) = self.advance(Instant::now()) {
                return result;
            }
            if interrupted() {
                return Err(Error::Interrupted);
            }
            let mut watched: Vec<PollFd<'_>> = self.watched().collect();
            watched.extend(wake.map(|wake| PollFd::new(wake, PollFlags::POLLIN)));
            match poll(&mut watched, timeout::until(self.deadline())) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(Error::Wait { what: "poll", error }),
            }
        }
    }

    fn runs(&self) -> impl Iterator<Item = &Run> {
        self.places.iter().filter_map(|place| match place {
            Place::Run(run) => Some(&**run),
            Place::Helper | Place::Known(_) => None,
        })
    }

    fn answer(&mut self) -> Result<Answer, Error> {
        let places = std::mem::take(&mut self.places);
        let told = self.told.take();
        if places.is_empty() {
            return told.unwrap_or(Ok(Answer::Fetched(Vec::new())));
        }
        let mut told: Box<dyn Iterator<Item = Result<Got, Failure>>> = match told {
            None => Box::new(std::iter::empty()),
            Some(Ok(Answer::Fetched(results))) => Box::new(results.into_iter()),
            Some(Ok(other)) => return Ok(other),
            // What a helper that was not there would have said of each.
            Some(Err(error)) if error.exit() == Exit::Unreachable => {
                let failure = Failure::new(Kind::Unreachable, error.to_string());
                Box::new(std::iter::repeat_with(move || Err(failure.again())))
            }
            Some(Err(error)) => return Err(error),
        };
        // One too few is noticed by whoever counts them.
        let results = places.into_iter().filter_map(|place| match place {
            Place::Known(result) => Some(*result),
            Place::Helper | Place::Run(_) => told.next(),
        });
        Ok(Answer::Fetched(results.collect()))
    }
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
