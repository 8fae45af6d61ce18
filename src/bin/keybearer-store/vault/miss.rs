use keybearer::helper::Failure;

/// Why an attempt had no answer that is of use.
pub struct Miss {
    pub failure: Failure,
    /// The store has not done what it was asked: it was not reached, or says so.
    pub did_nothing: bool,
}

impl Miss {
    /// Perhaps it was done, and the answer got lost.
    pub fn unclear(failure: Failure) -> Miss {
        Miss { failure, did_nothing: false }
    }

    pub fn harmless(failure: Failure) -> Miss {
        Miss { failure, did_nothing: true }
    }
}
