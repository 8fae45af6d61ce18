//! Orphans come to the supervisor, are reaped, and are never taken for the server.

use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::signal::Signal;

use crate::harness::{Bench, Supervisor, eventually, for_each_supervisor, proc};

for_each_supervisor!(a_burst_of_ten_thousand_orphans_is_reaped);

/// A middle process with ten thousand dead children ends, and leaves all of them at once.
pub const SERVER: &str = r#"
import os, signal

middle = os.fork()
if middle == 0:
    for _ in range(10_000):
        if os.fork() == 0:
            os._exit(7)
    # All of them are dead, but not reaped.
    for _ in range(10_000):
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    os._exit(0)
os.waitpid(middle, 0)
os.write(1, b"orphaned\n")
signal.pause()
"#;

/// One burst at a time: a machine has 32,768 process ids, and others need some.
pub fn alone() -> MutexGuard<'static, ()> {
    static BURST: Mutex<()> = Mutex::new(());
    BURST.lock().unwrap_or_else(PoisonError::into_inner)
}

fn a_burst_of_ten_thousand_orphans_is_reaped(supervisor: Supervisor) {
    let _alone = alone();
    let bench = Bench::new();
    let server = ["/usr/bin/python3", "-ISc", SERVER];
    let running = supervisor.supervise(&bench, &server).spawn();
    running.wait_for_stdout("orphaned");

    eventually("the server alone is left", || proc::children(running.pid()).len() == 1);
    let server = running.child_pid();
    assert!(proc::cmdline(server).concat().contains("orphaned"));

    running.signal(Signal::SIGTERM);
    running.wait().expect_code(143);
}
