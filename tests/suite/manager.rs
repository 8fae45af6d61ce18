//! What the service manager is told of a reload: sd_notify(3).

use nix::sys::signal::Signal;
use nix::time::{ClockId, clock_gettime};

use crate::harness::{Bench, Fifo, KEY, NotifySocket, Running};

/// It says by itself when it is ready, and waits with that as its environment says.
const SERVER: &str = r#"
import os, signal, socket, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
if "FAIL" in os.environ: sys.exit(5)
if "BOOTS" in os.environ: open(os.environ["BOOTS"]).readline()
name = os.environ["NOTIFY_SOCKET"]
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
    sender.sendto(b"READY=1", "\0" + name[1:] if name[0] == "@" else name)
signal.sigwait([signal.SIGTERM])
if "DRAINS" in os.environ: open(os.environ["DRAINS"]).readline()
"#;

fn text(line: &str) -> String {
    format!("SECRET_KEY={KEY}\n{line}\n")
}

fn serving(bench: &Bench, notify: &NotifySocket, strategy: &str, line: &str) -> Running {
    let running = starting(bench, notify, strategy, line);
    notify.receive_until("READY=1", &running);
    running
}

fn starting(bench: &Bench, notify: &NotifySocket, strategy: &str, line: &str) -> Running {
    let config = format!(
        "[server]\nkind = \"notify\"\n[reload]\nstrategy = \"{strategy}\"\nbefore = \
         [[\"/bin/sh\", \"-c\", \"[ -z \\\"$GATE\\\" ] || read line <$GATE\"]]\n"
    );
    let run = bench.with_config("run", &config);
    bench.env_file(&text(line));
    let run = run.env("NOTIFY_SOCKET", notify.path()).env("WATCHDOG_USEC", "600000");
    run.args(["--", "/usr/bin/python3", "-ISc", SERVER]).spawn()
}

fn now() -> u128 {
    std::time::Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap()).as_micros()
}

/// RELOADING=1 with the time, then READY=1, and nothing of the kind in between or after.
#[track_caller]
fn is_a_reload(told: &[String], from: u128) {
    let place = |name: &str| told.iter().position(|line| line == name);
    let (reloading, ready) = (place("RELOADING=1").unwrap(), place("READY=1").unwrap());
    assert!(reloading < ready, "{told:?}");
    let micros = told[reloading + 1].strip_prefix("MONOTONIC_USEC=").unwrap();
    assert!((from..=now()).contains(&micros.parse().unwrap()), "{told:?}");
    assert_eq!(told[reloading + 2], "STATUS=looking at the secrets again");
    assert_eq!(told.iter().filter(|line| *line == "RELOADING=1").count(), 1, "{told:?}");
}

#[test]
fn a_reload_begins_and_ends_whatever_comes_of_it() {
    let bench = Bench::new();
    let notify = NotifySocket::new(&bench);
    let running = serving(&bench, &notify, "hand-over", "");
    for (line, said) in [
        ("", "nothing changed"),
        ("A=1", "generation 2 took over"),
        ("A=1\nFAIL=1", "generation 2 goes on"),
        ("A=1\nALLOWED_HOSTS=*,", "stays as it is"),
    ] {
        bench.env_file(&text(line));
        let _ = notify.received();
        let from = now();
        running.signal(Signal::SIGHUP);
        let told = notify.receive_until("READY=1", &running);
        is_a_reload(&told, from);
        running.wait_for_line(said);
    }
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(0);
}

#[test]
fn a_slow_one_asks_for_patience_and_feeds_the_watchdog() {
    let bench = Bench::new();
    let notify = NotifySocket::new(&bench);
    let hold = Fifo::new(&bench, "hold");
    let running = serving(&bench, &notify, "hand-over", "");
    let hold_in = |name: &str| text(&format!("{name}={}", hold.path().display()));
    for (name, status) in [
        ("GATE", "STATUS=looking at the secrets again"),
        ("BOOTS", "STATUS=starting: waiting for its READY=1"),
    ] {
        bench.env_file(&hold_in(name));
        let _ = notify.received();
        let from = now();
        running.signal(Signal::SIGHUP);
        let mut told = notify.receive_until(status, &running);
        told.extend(notify.receive_until("WATCHDOG=1", &running));
        told.extend(notify.receive_until("WATCHDOG=1", &running));
        assert!(told.iter().any(|line| line == "EXTEND_TIMEOUT_USEC=30000000"), "{told:?}");
        assert!(!told.iter().any(|line| line == "READY=1"), "{told:?}");
        hold.let_go();
        told.extend(notify.receive_until("READY=1", &running));
        is_a_reload(&told, from);
        running.wait_for_line(&format!("{name} is new"));
    }
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(0);
}

/// While the manager reloads it does not read: whatever is lost then it waits for until it kills the unit.
#[test]
fn a_manager_that_does_not_read_for_a_while_misses_nothing() {
    let bench = Bench::new();
    let notify = NotifySocket::new(&bench);
    let hold = Fifo::new(&bench, "hold");
    notify.fill();
    let drains = format!("DRAINS={}", hold.path().display());
    let running = starting(&bench, &notify, "hand-over", &drains);
    running.wait_for_line("serving");
    // It answers when all that belongs to the start is done.
    let operator = || bench.keybearer(["status", bench.name()]).run().expect_code(0);
    operator();
    notify.receive_until("READY=1", &running);

    notify.fill();
    let from = now();
    running.signal(Signal::SIGHUP);
    running.wait_for_line("nothing changed");
    operator();
    is_a_reload(&notify.receive_until("READY=1", &running), from);

    notify.fill();
    running.signal(Signal::SIGTERM);
    running.wait_for_line("stopping the server");
    operator();
    notify.receive_until("STOPPING=1", &running);
    hold.let_go();
    running.wait().expect_code(0);
}
