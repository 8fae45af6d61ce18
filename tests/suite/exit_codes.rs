//! The server's end is the supervisor's own.

use crate::harness::{Bench, Supervisor, for_each_supervisor};

for_each_supervisor!(every_exit_code_passes_through, death_by_a_signal_is_128_and_its_number);

fn every_exit_code_passes_through(supervisor: Supervisor) {
    let bench = Bench::new();
    for code in 0..=255 {
        let script = format!("exit {code}");
        supervisor.supervise(&bench, &["/bin/sh", "-c", &script]).run().expect_code(code);
    }
}

fn death_by_a_signal_is_128_and_its_number(supervisor: Supervisor) {
    // signal(7): what ends a process, and the first and last real-time signals. 32 and 33 are
    // glibc's own.
    let terminating = (1..=16).chain(24..=27).chain(29..=31).chain([34, 64]);
    let bench = Bench::new();
    for signal in terminating {
        // Some of them dump core.
        let script = format!("ulimit -c 0; kill -{signal} $$");
        let outcome = supervisor.supervise(&bench, &["/bin/sh", "-c", &script]).run();
        outcome.expect_code(128 + signal);
    }
}
