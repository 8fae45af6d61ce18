use std::time::{Duration, Instant};

/// After this a test has hung. Generous, because the machine may be busy with other tests; and longer
/// than Gunicorn's own patience of 30 s with a worker that misses its TERM while it is being forked.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// Waits for a fact that nothing announces, such as an entry of /proc that goes away. Where there
/// is a handshake, wait for that instead.
#[track_caller]
pub fn eventually(what: &str, fact: impl FnMut() -> bool) {
    eventually_within(DEADLINE, what, fact);
}

#[track_caller]
pub fn eventually_within(time: Duration, what: &str, mut fact: impl FnMut() -> bool) {
    let end = Instant::now() + time;
    while !fact() {
        assert!(Instant::now() < end, "never happened: {what}");
        // Polling: between two looks the machine may do something else.
        std::thread::sleep(Duration::from_millis(5));
    }
}
