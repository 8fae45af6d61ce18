use std::time::Duration;

use super::Kind;

/// How many clients of each kind there are at once.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    pub new: usize,
    pub kept_alive: usize,
    pub idle: usize,
    pub slow: usize,
    /// What each of them waits between two requests.
    pub pause: Duration,
}

/// Leaves a share of the machine to a site that boots slowly.
const PAUSE: Duration = Duration::from_millis(10);

impl Mix {
    /// A worker of class sync serves one connection at a time, silent ones too: four workers are
    /// never all taken by this.
    pub const GENTLE: Mix = Mix { new: 2, kept_alive: 2, idle: 1, slow: 1, pause: PAUSE };
    /// For servers of many connections.
    pub const BROAD: Mix = Mix { new: 2, kept_alive: 4, idle: 4, slow: 3, pause: PAUSE };

    /// As much as the machine can do.
    pub fn dense(self) -> Mix {
        Mix { new: 3 * self.new, kept_alive: 2 * self.kept_alive, pause: Duration::ZERO, ..self }
    }

    pub const fn only(kind: Kind) -> Mix {
        let mut mix = Mix { new: 0, kept_alive: 0, idle: 0, slow: 0, pause: PAUSE };
        match kind {
            Kind::New => mix.new = 1,
            Kind::KeptAlive => mix.kept_alive = 1,
            Kind::Idle => mix.idle = 1,
            Kind::Slow => mix.slow = 1,
            Kind::User => (),
        }
        mix
    }

    pub fn kinds(self) -> Vec<Kind> {
        let counts = [
            (Kind::New, self.new),
            (Kind::KeptAlive, self.kept_alive),
            (Kind::Idle, self.idle),
            (Kind::Slow, self.slow),
        ];
        counts.into_iter().flat_map(|(kind, count)| std::iter::repeat_n(kind, count)).collect()
    }
}
