use super::stores::expected;
use super::{Error, Job, Stores};
use crate::helper::{self, Answer, Change, Work, Write, Written};

/// One document, for somebody who wants to change it.
impl Stores {
    /// One of them, and waits.
    pub fn read(&self, origin: usize) -> Result<helper::Got, Error> {
        self.was_read(origin, self.run(self.start_read(origin)?)?)
    }

    pub fn start_read(&self, origin: usize) -> Result<Job, Error> {
        self.start(Work::Fetch(vec![self.request(origin)?]))
    }

    pub fn was_read(&self, origin: usize, answer: Answer) -> Result<helper::Got, Error> {
        let Answer::Fetched(mut results) = expected(answer)? else {
            return Err(Error::OtherAnswer);
        };
        let got = match (results.pop(), results.is_empty()) {
            (Some(result), true) => result.map_err(|failure| self.failed(origin, failure))?,
            _ => return Err(Error::OtherAnswer),
        };
        self.memory.borrow_mut().note(origin, &got);
        Ok(got)
    }

    /// Changes one document if it is still of this version, and waits; the version after it.
    pub fn write(
        &self,
        origin: usize,
        changes: Vec<Change>,
        version: &str,
    ) -> Result<String, Error> {
        // A signal waits: a write that is cut off may have been done, and nobody would be told. It has a
        // deadline of its own.
        let answer = self.start_write(origin, changes, version)?.run(&|| false, None)?;
        self.written(origin, answer)
    }

    pub fn start_write(
        &self,
        origin: usize,
        changes: Vec<Change>,
        version: &str,
    ) -> Result<Job, Error> {
        let source = self.request(origin)?;
        let version = version.to_owned();
        self.start(Work::Write(Box::new(Write { source, changes, version })))
    }

    pub fn written(&self, origin: usize, answer: Answer) -> Result<String, Error> {
        let Answer::Written(result) = expected(answer)? else { return Err(Error::OtherAnswer) };
        let Written { version, state } = result.map_err(|failure| self.failed(origin, failure))?;
        self.memory.borrow_mut().note_state(origin, state);
        Ok(version)
    }
}
