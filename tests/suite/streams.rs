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

/// systemd.exec(5): JOURNAL_STREAM names the device and inode of what journald reads.
#[test]
fn lines_for_journald_begin_with_their_priority() {
    let bench = Bench::new();
    let script = "JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec \"$0\" \"$@\"";
    let run = bench.with_config("run", "[ready]\nsettle = \"0s\"\n");
    let run = run.args(["--", "/bin/sh", "-c", "exit 3"]).through(["/bin/sh", "-c", script]).run();
    let outcome = run.expect_code(3);
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert!(lines.first().is_some_and(|line| line.starts_with("<4>no database")), "{lines:?}");
    assert!(lines.last().is_some_and(|line| line.starts_with("<3>the server ended")), "{lines:?}");
}
