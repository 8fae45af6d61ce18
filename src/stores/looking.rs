use super::stores::expected;
use super::{Error, Job, Stores};
use crate::helper::{Answer, Work};

/// Which versions there are, without what they hold.
impl Stores {
    /// Asks only which versions there are.
    pub fn start_look(&self) -> Result<Job, Error> {
        let requests = self.sources.iter().map(|(origin, _)| self.request(*origin));
        self.start(Work::Look(requests.collect::<Result<_, _>>()?))
    }

    /// Whether any may hold something else than it did.
    pub fn has_news(&self, answer: Answer) -> Result<bool, Error> {
        let Answer::Looked(results) = expected(answer)? else { return Err(Error::OtherAnswer) };
        if results.len() != self.sources.len() {
            return Err(Error::OtherAnswer);
        }
        let mut news = !self.stale.borrow().running.is_empty();
        for ((origin, _), result) in self.sources.iter().zip(results) {
            news |= match result {
                Ok(Some(version)) => self.version(*origin) != Some(version),
                // Made for this site alone: nobody changes them.
                Ok(None) => self.lease_left(*origin).is_none(),
                // Whatever is wrong, asking for all of it says so.
                Err(failure) => {
                    self.noted(*origin, failure);
                    true
                }
            };
        }
        Ok(news)
    }
}
