use std::future::Future;
use std::time::Duration;

use keybearer::helper::{Failure, Kind};

use super::deadline::Deadline;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(5);

/// Once more, after a pause that grows and is never twice the same, for as long as trying again may help
/// and there is time.
pub async fn until<T, F>(deadline: Deadline, mut attempt: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut pause = FIRST;
    loop {
        let failure = match attempt().await {
            Err(failure) if failure.kind == Kind::Unreachable => failure,
            other => return other,
        };
        let wait = jittered(pause);
        if wait >= deadline.left() {
            return Err(failure);
        }
        tokio::time::sleep(wait).await;
        pause = (pause * 2).min(LONGEST);
    }
}

/// Between a half and the whole: many hosts that failed together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let half = pause / 2;
    let mut drawn = [0; 4];
    match keybearer::sys::random(&mut drawn) {
        Ok(()) => half + half.mul_f64(f64::from(u32::from_ne_bytes(drawn)) / f64::from(u32::MAX)),
        Err(_) => half,
    }
}
