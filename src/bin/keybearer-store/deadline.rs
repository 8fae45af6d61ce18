use std::time::{Duration, Instant};

/// When the answer must be there, whatever it is.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    pub within: Duration,
    at: Instant,
}

impl Deadline {
    pub fn after(within: Duration) -> Deadline {
        Deadline { within, at: Instant::now() + within }
    }

    pub fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }
}
