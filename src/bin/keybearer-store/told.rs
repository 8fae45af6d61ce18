use std::cell::RefCell;
use std::time::Duration;

use keybearer::helper::{Failure, Kind};

use super::deadline::Deadline;

/// With less time than this, that there was no answer says little.
const HURRIED: Duration = Duration::from_secs(1);

/// Why the attempt before failed. The last attempt may be cut short: then the one before knows better what is
/// wrong.
#[derive(Debug, Default)]
pub struct Told(RefCell<Option<String>>);

impl Told {
    /// What follows is another question.
    pub fn forget(&self) {
        self.0.take();
    }

    pub fn last(&self) -> Option<Failure> {
        let message = self.0.borrow();
        message.as_ref().map(|message| Failure::new(Kind::Unreachable, message))
    }

    /// Says what is to be said of an attempt that has just failed.
    pub fn mend(&self, failure: &mut Failure, deadline: Deadline) {
        if failure.kind != Kind::Unreachable {
            return;
        }
        let before = self.0.take().filter(|_| deadline.left() < HURRIED);
        if let Some(before) = before {
            failure.message = before;
        }
        self.0.replace(Some(failure.message.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_hurry_the_one_before_knows_better() {
        let told = Told::default();
        let said = |text: &str, within: u64| {
            let mut failure = Failure::new(Kind::Unreachable, text);
            told.mend(&mut failure, Deadline::after(Duration::from_secs(within)));
            failure.message
        };
        assert_eq!(said("sealed", 0), "sealed");
        assert_eq!(said("no answer", 0), "sealed");
        assert_eq!(said("throttled", 1000), "throttled");
        assert_eq!(told.last().map(|failure| failure.message).as_deref(), Some("throttled"));
        told.forget();
        assert_eq!(said("no answer", 0), "no answer");
    }
}
