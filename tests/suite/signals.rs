//! What is sent to the supervisor reaches the server's first process, and only that.

use nix::sys::signal::Signal;

use crate::harness::{Bench, Supervisor, for_each_supervisor};

for_each_supervisor!(signals_reach_the_first_process_alone, a_term_ends_a_server_that_dies_of_it);

/// Says each signal that it gets, and so does its child. At TERM it lets the child go by closing a
/// pipe: what was sent to the child before that has been said by then.
const SERVER: &str = r#"
import os, signal, sys

SIGNALS = [signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTIN,
           signal.SIGTTOU, signal.SIGWINCH, signal.SIGTERM]
who = "server"
ended = False

def received(number, frame):
    global ended
    os.write(1, f"{who}: {signal.Signals(number).name}\n".encode())
    ended = number == signal.SIGTERM

for number in SIGNALS:
    signal.signal(number, received)
# Blocked but in the pause, so that none slips in between.
signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
reader, writer = os.pipe()
if os.fork() == 0:
    who = "child"
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    os.close(writer)
    os.read(reader, 1)
    os._exit(0)
os.close(reader)
os.write(1, b"ready\n")
while not ended:
    received(signal.sigwait(SIGNALS), None)
os.close(writer)
os.wait()
sys.exit(42)
"#;

fn signals_reach_the_first_process_alone(supervisor: Supervisor) {
    let bench = Bench::new();
    let server = ["/usr/bin/python3", "-ISc", SERVER];
    let running = supervisor.supervise(&bench, &server).spawn();
    running.wait_for_stdout("ready");

    let mut signals =
        vec![Signal::SIGINT, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGWINCH, Signal::SIGQUIT];
    // Gunicorn's "one worker more" and "one less". Tini takes them for the terminal's doings and
    // does not pass them on.
    if supervisor == Supervisor::Keybearer {
        signals.extend([Signal::SIGTTIN, Signal::SIGTTOU]);
    }
    signals.push(Signal::SIGTERM);

    let mut said = String::from("ready");
    for signal in signals {
        running.signal(signal);
        let line = running.wait_for_stdout(signal.as_str());
        said = format!("{said}\n{line}");
        assert_eq!(line, format!("server: {signal}"));
    }
    running.wait().expect_code(42).expect_stdout(&said);
}

fn a_term_ends_a_server_that_dies_of_it(supervisor: Supervisor) {
    let bench = Bench::new();
    let server = ["/bin/sh", "-c", "echo ready; exec sleep 1000"];
    let running = supervisor.supervise(&bench, &server).spawn();
    running.wait_for_stdout("ready");
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(143);
}
