use std::future::Future;
use std::time::Duration;

use keybearer::helper::{Failure, Kind};
use keybearer::splay::splayed;

use super::deadline::Deadline;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(5);

/// Once more, after a pause that grows and is never twice the same, for as long as trying again may help
/// and there is time. The last attempt has next to none: then the one before knows better what is wrong. For
/// how long it was tried is said of what was tried more than once.
pub async fn until<T, F>(deadline: Deadline, mut attempt: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut pause = FIRST;
    let mut is_again = false;
    let mut result = attempt().await;
    loop {
        let failure = match result {
            Err(failure) if failure.kind == Kind::Unreachable => failure,
            other => return other,
        };
        let failure = if is_again { tried(failure, deadline) } else { failure };
        let wait = splayed(pause);
        if wait >= deadline.left() {
            return Err(failure);
        }
        tokio::time::sleep(wait).await;
        pause = (pause * 2).min(LONGEST);
        is_again = true;
        result = match tokio::time::timeout(deadline.left().mul_f64(0.9), attempt()).await {
            Ok(result) => result,
            Err(_) => return Err(tried(failure, deadline)),
        };
    }
}

/// What was tried inside may say so already.
fn tried(mut failure: Failure, deadline: Deadline) -> Failure {
    let tried = format!(" (tried for up to {:?})", deadline.within);
    if !failure.message.contains(&tried) {
        failure.message.push_str(&tried);
    }
    failure
}
