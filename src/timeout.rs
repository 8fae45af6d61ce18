//! How long poll(2) is to wait.

#![forbid(unsafe_code)]

use std::time::Instant;

use nix::poll::PollTimeout;

/// Until then; for ever where there is no deadline. Rounded up to the millisecond that poll(2) knows:
/// whoever wakes too early spins through the rest.
pub fn until(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now());
    PollTimeout::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_is_never_over_before_the_deadline() {
        let deadline = Instant::now() + Duration::from_micros(60_000_500);
        let timeout = Duration::try_from(until(Some(deadline))).expect("a time");
        assert!(Instant::now() + timeout >= deadline);
        assert_eq!(until(Some(Instant::now())), PollTimeout::ZERO);
        assert_eq!(until(None), PollTimeout::NONE);
        let for_years = Instant::now() + Duration::from_secs(1 << 32);
        assert_eq!(until(Some(for_years)), PollTimeout::MAX);
    }
}
