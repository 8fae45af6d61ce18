//! keybearer as PID 1, as in a container.

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

use crate::harness::{Bench, Invocation, Running, eventually, proc, skip};
use crate::reaping;

/// Starts it in a process namespace of its own. None, and said so, where that is not permitted.
fn first<'a>(invocation: Invocation<'a>) -> Option<Running> {
    if !geteuid().is_root() {
        skip("a process namespace needs root");
        return None;
    }
    let unshare = ["/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    Some(invocation.through(unshare).spawn())
}

/// keybearer as it is seen from here.
fn keybearer(running: &Running) -> Pid {
    let pid = running.child_pid();
    eventually("it is in place", || {
        proc::cmdline(pid).first().is_some_and(|p| p.ends_with("/keybearer"))
    });
    assert_eq!(proc::Status::of(pid).field("NSpid").split_whitespace().last(), Some("1"));
    pid
}

fn server(script: &str) -> [&str; 4] {
    ["--", "/usr/bin/python3", "-ISc", script]
}

#[test]
fn a_burst_of_ten_thousand_orphans_is_reaped() {
    let _alone = reaping::alone();
    let bench = Bench::new();
    let run = bench.with_config("run", "").args(server(reaping::SERVER));
    let Some(running) = first(run) else { return };
    running.wait_for_stdout("orphaned");
    let keybearer = keybearer(&running);
    eventually("the server alone is left", || proc::children(keybearer).len() == 1);
    kill(keybearer, Signal::SIGTERM).unwrap();
    running.wait().expect_code(143);
}

#[test]
fn its_exit_code_is_the_servers() {
    let bench = Bench::new();
    let run = bench.with_config("run", "").args(server("raise SystemExit(23)"));
    let Some(running) = first(run) else { return };
    running.wait().expect_code(23);
}

/// The kernel keeps from PID 1 every signal that it has no handler for; each has to be taken and
/// passed on.
#[test]
fn signals_reach_the_server_that_would_pass_the_first_process_by() {
    for signal in
        [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2]
    {
        let bench = Bench::new();
        let script = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\nprint('ready', flush=True)\nsignal.pause()";
        let run = bench.with_config("run", "").args(server(script));
        let Some(running) = first(run) else { return };
        running.wait_for_stdout("ready");
        kill(keybearer(&running), signal).unwrap();
        running.wait().expect_code(128 + signal as i32);
    }
}

#[test]
fn a_term_from_inside_reaches_it_during_a_gate() {
    let bench = Bench::new();
    let config =
        "[reload]\nbefore = [[\"/bin/sh\", \"-c\", \"echo in the gate; exec sleep 1000\"]]\n";
    let run = bench.with_config("run", config).args(["--", "/bin/echo", "started"]);
    let Some(running) = first(run) else { return };
    running.wait_for_stdout("in the gate");
    kill(keybearer(&running), Signal::SIGTERM).unwrap();
    running.wait().expect_code(143).expect_stdout("in the gate");
}

/// Processor time in ticks, and how often it was woken: proc_pid_stat(5), proc_pid_status(5).
fn spent(pid: Pid) -> (u64, String) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    (ticks, proc::Status::of(pid).field("voluntary_ctxt_switches").to_owned())
}

#[test]
fn nothing_wakes_it_while_nothing_happens() {
    let bench = Bench::new();
    let run = bench.with_config("run", "[ready]\nsettle = \"0s\"\n");
    let Some(running) = first(run.args(["--", "/bin/sleep", "1000"])) else { return };
    running.wait_for_line("serving");
    let keybearer = keybearer(&running);
    // That nothing happens is announced by nothing: two seconds of it, once it is through with the start.
    eventually("it is left asleep", || {
        let before = spent(keybearer);
        bench.program("/bin/sleep").arg("2").run().expect_code(0);
        spent(keybearer) == before
    });
}
