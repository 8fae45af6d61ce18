//! A site that means harm, or is only broken: the supervisor still does its work.

use nix::sys::signal::Signal;

use crate::harness::{Bench, Fifo, Invocation, KEY, requires_root};

fn run<'a>(bench: &'a Bench, config: &str, script: &str) -> Invocation<'a> {
    bench.with_config("run", config).args(["--", "/usr/bin/python3", "-ISc", script])
}

/// Two processes that leave one orphan after the other, and five hundred that stay.
const ORPHANS: &str = r#"
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
def orphan(work):
    child = os.fork()
    if child == 0:
        if os.fork() == 0: work()
        os._exit(0)
    os.waitpid(child, 0)
def stay():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    signal.pause()
for _ in range(500): orphan(stay)
for _ in range(2):
    if os.fork() == 0:
        while True: orphan(lambda: os._exit(0))
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
print("TERM", flush=True)
os._exit(42)
"#;

#[test]
fn orphans_without_end_do_not_hold_a_term_back() {
    let bench = Bench::new();
    let running = run(&bench, "[ready]\nsettle = \"0s\"\n", ORPHANS).spawn();
    running.wait_for_stdout("ready");
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(42).expect_stdout("ready\nTERM");
}

/// It joins keybearer's own process group, so that its group's id reaches nobody.
#[test]
fn a_server_that_left_its_group_is_killed_all_the_same() {
    let bench = Bench::new();
    let script = "import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
                  os.setpgid(0, os.getpgid(os.getppid()))\nprint('ready', flush=True)\n\
                  while True: signal.pause()";
    let config = "[ready]\nsettle = \"0s\"\n[reload]\ndrain = \"200ms\"\n";
    let running = run(&bench, config, script).spawn();
    running.wait_for_stdout("ready");
    running.wait_for_line("serving");
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(137);
}

/// A datagram socket takes a handful of messages, and then its senders wait: unix(7).
#[test]
fn a_server_that_goes_on_notifying_does_not_wait_for_ever() {
    let bench = Bench::new();
    let script = "import os, socket\n\
                  sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
                  for text in ['READY=1'] + ['STATUS=x'] * 500:\n    \
                      sender.sendto(text.encode(), os.environ['NOTIFY_SOCKET'])\n\
                  print('all sent', flush=True)";
    let running = run(&bench, "[server]\nkind = \"notify\"\n", script).spawn();
    running.wait_for_stdout("all sent");
    running.wait().expect_code(0);
}

/// Nobody reads keybearer's log: lines are lost, and nothing waits for them.
#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let bench = Bench::new();
    let unread = Fifo::new(&bench, "unread");
    let script = "import os, signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n\
                  print('ready', flush=True)\nsignal.sigwait([signal.SIGTERM])\nos._exit(42)";
    let run = run(&bench, "[ready]\nsettle = \"0s\"\n", script);
    // Two thousand warnings at the start, and again at the HUP.
    bench.env_file(&format!("SECRET_KEY={KEY}\n{}", "EMAIL_HOST=x\n".repeat(2000)));
    let redirect = format!("exec \"$0\" \"$@\" 2>'{}'", unread.path().display());
    let running = run.through(["/bin/sh", "-c", &redirect]).spawn();
    running.wait_for_stdout("ready");
    running.signal(Signal::SIGHUP);
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(42);
}

/// The operator's session keyring may hold what opens his home directory or his tickets.
#[test]
fn the_operators_keyring_stays_with_the_operator() {
    requires_root!();
    let bench = Bench::new();
    let calls = "import ctypes, os, platform, sys\n\
                 libc = ctypes.CDLL(None, use_errno=True)\n\
                 ADD, CTL = (248, 250) if platform.machine() == 'x86_64' else (217, 219)\n\
                 search = lambda: libc.syscall(CTL, 10, -3, b'user', b'operators', 0)\n";
    // JOIN_SESSION_KEYRING, add_key to it, SETPERM for everybody: what is possessed may be read.
    let give = format!(
        "{calls}assert libc.syscall(CTL, 1, None) > 0\n\
         key = libc.syscall(ADD, b'user', b'operators', b'canary', 6, -3)\n\
         assert key > 0 and search() == key\n\
         libc.syscall(CTL, 5, key, 0x3f3f3f3f)\n\
         os.execv(sys.argv[1], sys.argv[1:])"
    );
    let take = format!("{calls}print('found' if search() > 0 else 'nothing')");
    let outcome = bench
        .with_config("exec", "")
        .args(["--", "/usr/bin/python3", "-ISc", &take])
        .through(["/usr/bin/python3", "-ISc", &give])
        .run();
    outcome.expect_code(0).expect_stdout("nothing");
}
