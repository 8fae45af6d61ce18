use std::time::Duration;

use crate::moment::Moment;

/// What a plan goes by, beside the keys.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// The most fallbacks of an environment. One at least: without it no key could be replaced.
    pub keep: usize,
    /// How long a key that signed here is carried.
    pub grace: Duration,
    pub now: Moment,
    /// The old generation still answers while the new one starts.
    pub overlap: bool,
}
