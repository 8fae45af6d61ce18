use std::io;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollTimeout};

/// Waits for one of the descriptors, or for the deadline; for ever where there is none.
pub(super) fn poll(watched: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<()> {
    match nix::poll::poll(watched, timeout(deadline)) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Rounded up to the millisecond that poll(2) knows, so that it does not wake too early.
fn timeout(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now());
    let milliseconds = left.as_micros().div_ceil(1000);
    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
}
