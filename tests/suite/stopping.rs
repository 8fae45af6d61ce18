//! How a site ends: early, in its own time, or by force.

use nix::sys::signal::{Signal, kill};

use crate::harness::{
    Bench, Fifo, NotifySocket, Request, Target, eventually, free_port, proc, venv,
};

/// A server of one process that ends with 42 at TERM, and says what it gets.
const POLITE: &str = r#"
import os, signal, sys
SIGNALS = [signal.SIGTERM, signal.SIGQUIT, signal.SIGINT]
signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
print("ready", flush=True)
while True:
    number = signal.sigwait(SIGNALS)
    print(signal.Signals(number).name, flush=True)
    if "HOLD" not in os.environ:
        sys.exit(42)
    if number == signal.SIGTERM:
        open(os.environ["HOLD"]).readline()
        # What came meanwhile is still pending.
        print("pending:", *[signal.Signals(n).name for n in sorted(signal.sigpending())], flush=True)
        os._exit(42)
"#;

/// A server and two of its children, none of which minds a TERM.
const STUBBORN: &str = r#"
import os, signal
for number in [signal.SIGTERM, signal.SIGQUIT, signal.SIGINT]:
    signal.signal(number, signal.SIG_IGN)
children = []
for _ in range(2):
    child = os.fork()
    if child == 0:
        while True: signal.pause()
    children.append(child)
print("ready", flush=True)
while True: signal.pause()
"#;

/// A server that leaves its children when it ends by itself.
const LEAVES: &str = r#"
import os, signal, sys
if os.fork() == 0:
    while True: signal.pause()
print("ready", flush=True)
open(os.environ["HOLD"]).readline()
os._exit(7)
"#;

fn python(script: &str) -> [&str; 4] {
    ["--", "/usr/bin/python3", "-ISc", script]
}

#[test]
fn a_term_during_a_gate_ends_it_and_nothing_is_started() {
    let bench = Bench::new();
    let config =
        "[reload]\nbefore = [[\"/bin/sh\", \"-c\", \"echo in the gate; exec sleep 1000\"]]\n";
    let running = bench.with_config("run", config).args(["--", "/bin/echo", "started"]).spawn();
    running.wait_for_stdout("in the gate");
    running.signal(Signal::SIGTERM);
    let outcome = running.wait().expect_code(143).expect_stdout("in the gate");
    assert_eq!(
        outcome.stderr.lines().last(),
        Some("keybearer: asked to end by SIGTERM before the site was started")
    );
}

/// Not even by a gate that does not mind it.
#[test]
fn a_term_before_the_server_is_started_is_not_lost() {
    let bench = Bench::new();
    let hold = Fifo::new(&bench, "hold");
    let script = format!("trap '' TERM; echo in the gate; read line <{}", hold.path().display());
    let config = format!("[reload]\nbefore = [[\"/bin/sh\", \"-c\", {script:?}]]\n");
    let running = bench.with_config("run", &config).args(["--", "/bin/echo", "started"]).spawn();
    running.wait_for_stdout("in the gate");
    running.signal(Signal::SIGTERM);
    running.wait_for_line("stopping the 'before' command 1");
    hold.let_go();
    running.wait().expect_code(143).expect_stdout("in the gate");
}

/// Nor is one after an INT that the gate does not mind.
#[test]
fn a_term_after_an_int_ends_the_gate() {
    let bench = Bench::new();
    let script = "trap '' INT; echo in the gate; exec sleep 1000";
    let config = format!("[reload]\nbefore = [[\"/bin/sh\", \"-c\", {script:?}]]\n");
    let running = bench.with_config("run", &config).args(["--", "/bin/echo", "started"]).spawn();
    running.wait_for_stdout("in the gate");
    running.signal(Signal::SIGINT);
    running.wait_for_line("stopping the server: SIGINT");
    running.signal(Signal::SIGTERM);
    let outcome = running.wait().expect_code(130).expect_stdout("in the gate");
    outcome.expect_stderr_contains("stopping the 'before' command 1: SIGTERM");
}

#[test]
fn a_gate_that_must_end_at_once_is_killed_and_that_is_said_once() {
    let bench = Bench::new();
    let script = "trap '' TERM; echo in the gate; exec sleep 1000";
    let config =
        format!("[reload]\ndrain = \"0s\"\nbefore = [[\"/bin/sh\", \"-c\", {script:?}]]\n");
    let running = bench.with_config("run", &config).args(["--", "/bin/echo", "started"]).spawn();
    running.wait_for_stdout("in the gate");
    running.signal(Signal::SIGTERM);
    let stderr = running.wait().expect_code(143).stderr;
    assert_eq!(stderr.matches("has not ended within 0ns").count(), 1, "{stderr}");
}

#[test]
fn a_gate_that_fails_keeps_the_site_from_starting() {
    let bench = Bench::new();
    let config = "[reload]\nbefore = [[\"/bin/true\"], [\"/bin/sh\", \"-c\", \"exit 3\"], [\"/bin/echo\", \"third\"]]\n";
    let outcome = bench.with_config("run", config).args(["--", "/bin/echo", "started"]).run();
    let outcome = outcome.expect_code(1).expect_stdout("");
    assert_eq!(
        outcome.stderr.lines().last(),
        Some("keybearer: the 'before' command 2 failed with exit code 3; nothing was started")
    );
}

#[test]
fn a_term_before_readiness_ends_the_server_with_its_own_code() {
    let bench = Bench::new();
    let notify = NotifySocket::new(&bench);
    let run = bench.with_config("run", "[ready]\nsettle = \"1h\"\nwithin = \"2h\"\n");
    let running = run.args(python(POLITE)).env("NOTIFY_SOCKET", notify.path()).spawn();
    running.wait_for_stdout("ready");
    running.signal(Signal::SIGTERM);
    let told = notify.receive_until("STOPPING=1", &running);
    assert!(!told.iter().any(|line| line == "READY=1"));
    let outcome = running.wait().expect_code(42).expect_stdout("ready\nSIGTERM");
    outcome.expect_stderr_contains("the server ended before it was ready: exit code 42\n");
}

#[test]
fn a_second_term_does_not_cut_the_drain_short() {
    let bench = Bench::new();
    let hold = Fifo::new(&bench, "hold");
    let run = bench.with_config("run", "").args(["-vv"]).args(python(POLITE));
    let running = run.env("HOLD", hold.path()).spawn();
    running.wait_for_stdout("ready");
    running.signal(Signal::SIGTERM);
    running.wait_for_stdout("SIGTERM");
    for _ in 0..3 {
        running.signal(Signal::SIGTERM);
    }
    // USR1 has a higher number than HUP and a lower one than TERM: when INT is there, so are all.
    running.signal(Signal::SIGINT);
    eventually("the terms were taken", || running.stderr().matches("got SIGTERM").count() >= 2);
    eventually("the int was taken", || running.stderr().contains("got SIGINT"));
    hold.let_go();
    running.wait().expect_code(42).expect_stdout("ready\nSIGTERM\npending: SIGINT");
}

#[test]
fn a_quit_cuts_the_drain_short() {
    let bench = Bench::new();
    let run = bench.with_config("run", "[reload]\ndrain = \"1h\"\n").args(python(STUBBORN));
    let running = run.spawn();
    running.wait_for_stdout("ready");
    running.signal(Signal::SIGTERM);
    running.wait_for_line("stopping the server: SIGTERM from pid");
    running.signal(Signal::SIGQUIT);
    running.wait().expect_code(137);
}

#[test]
fn who_does_not_end_is_killed_with_all_children() {
    let bench = Bench::new();
    let run = bench.with_config("run", "[reload]\ndrain = \"1s\"\n").args(python(STUBBORN));
    let running = run.spawn();
    running.wait_for_stdout("ready");
    let all = proc::descendants(running.pid());
    assert_eq!(all.len(), 3);
    running.signal(Signal::SIGTERM);
    let outcome = running.wait().expect_code(137);
    outcome.expect_stderr_contains(
        "keybearer: warning: the server has not ended within 1s; killing its process group\n",
    );
    for pid in all {
        eventually("all are gone", || is_gone(pid));
    }
}

/// Nobody holds the sockets when the supervisor has ended: a Gunicorn whose master died leaves its
/// workers behind otherwise.
#[test]
fn when_the_first_process_ends_its_group_is_killed() {
    let bench = Bench::new();
    let hold = Fifo::new(&bench, "hold");
    let run = bench.with_config("run", "").args(python(LEAVES)).env("HOLD", hold.path());
    let running = run.spawn();
    running.wait_for_stdout("ready");
    let all = proc::descendants(running.pid());
    assert_eq!(all.len(), 2);
    hold.let_go();
    running.wait().expect_code(7);
    for pid in all {
        eventually("all are gone", || is_gone(pid));
    }
}

#[test]
fn a_gunicorn_whose_master_is_killed_leaves_no_worker() {
    let bench = Bench::new();
    let Some(gunicorn) = venv("gunicorn") else { return };
    bench.file("app.py", SLOW, 0o644);
    let notify = NotifySocket::new(&bench);
    let port = free_port();
    let run = bench.with_config("run", "").args(["--listen", &format!("127.0.0.1:{port}"), "--"]);
    let run = run.arg(gunicorn).args(["--no-control-socket", "--workers=2", "app:application"]);
    let running = run.env("NOTIFY_SOCKET", notify.path()).spawn();
    notify.receive_until("READY=1", &running);
    kill(running.child_pid(), Signal::SIGKILL).unwrap();
    running.wait().expect_code(137);
    // The port is free again.
    std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
}

fn is_gone(pid: nix::unistd::Pid) -> bool {
    kill(pid, None).is_err()
}

/// Nothing can be done at a KILL; the kernel tells the server.
#[test]
fn a_killed_supervisor_takes_the_server_along() {
    let bench = Bench::new();
    let running = bench.with_config("run", "").args(python(POLITE)).spawn();
    running.wait_for_stdout("ready");
    let server = running.child_pid();
    running.signal(Signal::SIGKILL);
    assert_eq!(running.wait_for_stdout("SIG"), "SIGTERM");
    eventually("the server is gone", || is_gone(server));
    assert_eq!(running.wait().signal, Some(Signal::SIGKILL as i32));
}

const SLOW: &str = r#"
import os
def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        print("entered", flush=True)
        open(os.environ["HOLD"]).readline()
    start_response("200 OK", [])
    return [b"finished"]
"#;

#[test]
fn a_request_in_flight_is_finished() {
    let bench = Bench::new();
    let Some(gunicorn) = venv("gunicorn") else { return };
    bench.file("app.py", SLOW, 0o644);
    let notify = NotifySocket::new(&bench);
    let hold = Fifo::new(&bench, "hold");
    let port = free_port();
    let run = bench.with_config("run", "").args(["--listen", &format!("127.0.0.1:{port}"), "--"]);
    let run = run.arg(gunicorn).args(["--no-control-socket", "app:application"]);
    let running = run.env("NOTIFY_SOCKET", notify.path()).env("HOLD", hold.path()).spawn();
    notify.receive_until("READY=1", &running);

    let visitor = std::thread::spawn(move || Request::get("/slow").send(&Target::Loopback(port)));
    running.wait_for_stdout("entered");
    running.signal(Signal::SIGTERM);
    notify.receive_until("STOPPING=1", &running);
    // The worker has been told when its master says so.
    running.wait_for_line("Handling signal: term");
    hold.let_go();
    let response = visitor.join().unwrap().unwrap();
    assert_eq!((response.status, response.body.as_str()), (200, "finished"));
    running.wait().expect_code(0);
}
