use std::time::Instant;

use super::job::Place;
use super::stores::expected;
use super::{Asked, Error, Job, Stores};
use crate::helper::{Answer, Work};
use crate::tools::Tool;

/// All that the site wants of them, and what it has come to run with.
impl Stores {
    /// Asks all of them, and waits.
    pub fn fetch(&self) -> Result<Asked, Error> {
        let answer = self.run(self.start_fetch()?)?;
        self.fetched(answer)
    }

    /// The same for one who cannot wait: what comes of it goes to `fetched`. Credentials under a lease
    /// that goes on are not made anew.
    pub fn start_fetch(&self) -> Result<Job, Error> {
        let now = Instant::now();
        let mut asked = Asked::default();
        let mut requests = Vec::new();
        let mut tools = Vec::new();
        for (origin, _) in &self.sources {
            if let Some(got) = self.leases.borrow().reused(*origin, now) {
                asked.0.insert(*origin, got);
            } else if let Some(tool) = self.tools.get(origin) {
                tools.push(Some(tool));
            } else {
                requests.push(self.request(*origin)?);
                tools.push(None);
            }
        }
        *self.reused.borrow_mut() = asked;
        // Where a lease or a command gives all of it there is nobody to ask.
        let helper = match requests.is_empty() {
            true => None,
            false => Some(self.starter()?.start(Work::Fetch(requests))?),
        };
        let places = tools.into_iter().map(|tool| match tool.map(Tool::start) {
            None => Place::Helper,
            Some(Ok(run)) => Place::Run(Box::new(run)),
            Some(Err(failure)) => Place::Known(Box::new(Err(failure))),
        });
        Ok(Job::new(helper, places.collect()))
    }

    pub fn fetched(&self, answer: Answer) -> Result<Asked, Error> {
        let mut asked = self.reused.take();
        let Answer::Fetched(results) = expected(answer)? else { return Err(Error::OtherAnswer) };
        let wanted: Vec<usize> = self
            .sources
            .iter()
            .map(|(origin, _)| *origin)
            .filter(|origin| asked.of(*origin).is_none())
            .collect();
        if results.len() != wanted.len() {
            return Err(Error::OtherAnswer);
        }
        let mut failures = Vec::new();
        for (origin, result) in wanted.iter().zip(results) {
            match result {
                Ok(mut got) => {
                    self.memory.borrow_mut().note_fetched(*origin, &got);
                    self.leases.borrow_mut().note(*origin, &got, Instant::now());
                    if let Some(supplied) = self.supplied.borrow().get(origin) {
                        got.used.extend_from_slice(&supplied.used);
                        got.warnings.extend_from_slice(&supplied.warnings);
                    }
                    asked.0.insert(*origin, got);
                }
                Err(failure) => failures.push((*origin, self.noted(*origin, failure))),
            }
        }
        let stale = self.fill_from_cache(&mut asked, failures);
        let result = stale.map(|stale| {
            self.stale.borrow_mut().fetched = stale;
            asked
        });
        self.stale.borrow_mut().ask_again(Instant::now());
        result
    }

    /// Whatever was in the way of it, a site that may be outdated asks again.
    pub fn not_fetched(&self) {
        self.stale.borrow_mut().not_fetched(Instant::now());
    }

    /// The site runs with what was fetched last. True: it was outdated before, and is no more.
    pub fn taken_over(&self) -> bool {
        self.memory.borrow_mut().taken_over();
        let mut stale = self.stale.borrow_mut();
        let is_well_again = stale.taken_over();
        if is_well_again {
            stale.ask_again(Instant::now());
        }
        is_well_again
    }

    /// True once, when a store that was away is to be asked again.
    pub fn is_retry_due(&self, now: Instant) -> bool {
        self.stale.borrow_mut().is_due(now)
    }
}
