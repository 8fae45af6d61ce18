//! Standard input, output and error pass through untouched.

use crate::harness::{Bench, Supervisor, for_each_supervisor};

for_each_supervisor!(streams_pass_through);

fn streams_pass_through(supervisor: Supervisor) {
    let bench = Bench::new();
    let server = ["/bin/sh", "-c", "cat; echo its own error >&2; exit 9"];
    let outcome = supervisor.supervise(&bench, &server).stdin("one\ntwo, and no end of line").run();
    outcome
        .expect_code(9)
        .expect_stdout("one\ntwo, and no end of line")
        .expect_stderr_contains("its own error\n");
}
