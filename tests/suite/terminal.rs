//! A terminal: its keys, its foreground, its end.

use nix::sys::signal::{Signal, kill};

use crate::harness::{Bench, Invocation, KEY, requires_root};

/// A terminal and who sits at it: steps of `expect TEXT`, `type TEXT` and `close`, then the end of
/// what runs there. What appears is passed on.
const SITTER: &str = r#"
import json, os, pty, sys
steps, command = json.loads(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
seen = b""
def read():
    try:
        data = os.read(terminal, 4096)
    except OSError:
        data = b""
    os.write(1, data)
    return data
for action, text in steps:
    text = text.encode()
    if action == "type":
        os.write(terminal, text)
    elif action == "close":
        os.close(terminal)
        terminal = None
    else:
        while text not in seen:
            data = read()
            if not data:
                print(f"\nnever appeared: {text}", flush=True)
                sys.exit(99)
            seen += data
        seen = seen.split(text, 1)[1]
while terminal is not None and read():
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256)
"#;

fn at_terminal<'a>(invocation: Invocation<'a>, steps: &[(&str, &str)]) -> Invocation<'a> {
    let steps: Vec<String> =
        steps.iter().map(|(action, text)| format!("[{action:?}, \"{text}\"]")).collect();
    invocation.through(["/usr/bin/python3", "-ISc", SITTER, &format!("[{}]", steps.join(", "))])
}

fn server(script: &str) -> [&str; 4] {
    ["--", "/usr/bin/python3", "-ISc", script]
}

/// A blocked CONT continues a process all the same, and can be waited for: a handler could come just
/// before a read that nothing interrupts any more.
const CONTINUES: &str = r#"
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCONT])
print("ready", flush=True)
signal.sigwait([signal.SIGCONT])
print("continued", flush=True)
print("got", input())
"#;

#[test]
fn the_server_reads_from_the_terminal() {
    let bench = Bench::new();
    let script = "import os\nassert os.isatty(0) and os.isatty(2)\n\
                  print('foreground:', os.tcgetpgrp(0) == os.getpgrp() == os.getpid())\n\
                  print('got', input('name? '))";
    let run = bench.with_config("run", "").args(server(script));
    let steps = [("expect", "name? "), ("type", "anybody\\n"), ("expect", "got anybody")];
    let outcome = at_terminal(run, &steps).run().expect_code(0);
    assert!(outcome.stdout.contains("foreground: True\r\n"), "{}", outcome.stdout);
}

#[test]
fn a_command_of_exec_has_the_terminal() {
    let bench = Bench::new();
    let script = "import os\nprint('foreground:', os.tcgetpgrp(0) == os.getpgrp())\nprint('got', input('name? '))";
    let exec = bench.with_config("exec", "").args(server(script));
    let steps = [("expect", "name? "), ("type", "anybody\\n"), ("expect", "got anybody")];
    let outcome = at_terminal(exec, &steps).run().expect_code(0);
    assert!(outcome.stdout.contains("foreground: True\r\n"), "{}", outcome.stdout);
}

/// Once, from the terminal: keybearer does not get it and so passes none on.
#[test]
fn an_interrupt_from_the_keyboard_reaches_the_server_alone() {
    let bench = Bench::new();
    let script = "import signal, sys\n\
                  count = 0\n\
                  def interrupted(*_):\n    \
                      global count\n    \
                      count += 1\n\
                  signal.signal(signal.SIGINT, interrupted)\n\
                  print('ready', flush=True)\n\
                  input()\n\
                  print(f'interrupted {count}', flush=True)\nsys.exit(42)";
    let run = bench.with_config("run", "").arg("-vv").args(server(script));
    let steps = [("expect", "ready"), ("type", "\\u0003"), ("expect", "^C"), ("type", "\\n")];
    let outcome = at_terminal(run, &steps).run().expect_code(42);
    assert!(outcome.stdout.contains("interrupted 1\r\n"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("SIGINT"), "{}", outcome.stdout);
}

/// A shell with job control has started it.
#[test]
fn a_stop_from_the_keyboard_stops_keybearer_and_fg_continues_both() {
    let bench = Bench::new();
    let run = bench.with_config("run", "").args(server(CONTINUES));
    let shell = "set -m; \"$@\"; echo \"job $?\"; read -r _ _ state _ </proc/$(jobs -p)/stat; \
                 echo \"keybearer is $state\"; fg >/dev/null; echo \"ended $?\"";
    let steps = [
        ("expect", "ready"),
        ("type", "\\u001a"),
        ("expect", "job 148"),
        ("expect", "keybearer is T"),
        ("expect", "continued"),
        ("type", "more\\n"),
        ("expect", "got more"),
        ("expect", "ended 0"),
    ];
    let json: Vec<String> =
        steps.iter().map(|(action, text)| format!("[{action:?}, \"{text}\"]")).collect();
    let wrapper = [
        "/usr/bin/python3",
        "-ISc",
        SITTER,
        &format!("[{}]", json.join(", ")),
        "/bin/bash",
        "-c",
        shell,
        "bash",
    ];
    run.through(wrapper).run().expect_code(0);
}

/// It asks before it is ready, and never is.
#[test]
fn a_new_generation_that_asks_and_fails_does_not_take_the_keyboard_along() {
    let bench = Bench::new();
    let config = "[server]\nkind = \"notify\"\n[reload]\nstrategy = \"hand-over\"\n";
    let script = "import os, signal, socket, sys\n\
                  def interrupted(*_):\n    \
                      print('interrupted', flush=True)\n    \
                      sys.exit(42)\n\
                  signal.signal(signal.SIGINT, interrupted)\n\
                  if 'NEW' in os.environ:\n    \
                      print('got', input('name? '), flush=True)\n    \
                      sys.exit(3)\n\
                  name = os.environ['NOTIFY_SOCKET']\n\
                  sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
                  sender.sendto(b'READY=1', name)\n\
                  while True: signal.pause()";
    let run = bench.with_config("run", config).args(server(script));
    let steps = [
        ("expect", "name? "),
        ("type", "anybody\\n"),
        ("expect", "got anybody"),
        ("expect", "generation 1 goes on"),
        ("type", "\\u0003"),
        ("expect", "interrupted"),
    ];
    let running = at_terminal(run, &steps).spawn();
    running.wait_for_stdout("serving");
    bench.env_file(&format!("SECRET_KEY={KEY}\nNEW=1\n"));
    kill(running.child_pid(), Signal::SIGHUP).unwrap();
    running.wait().expect_code(42);
}

/// Started by no shell, as in `docker run -it`: nobody could continue it.
#[test]
fn a_stop_where_nobody_could_continue_it_does_not_hang() {
    let bench = Bench::new();
    let run = bench.with_config("run", "").args(server(CONTINUES));
    let steps = [
        ("expect", "ready"),
        ("type", "\\u001a"),
        ("expect", "continued"),
        ("type", "more\\n"),
        ("expect", "got more"),
    ];
    at_terminal(run, &steps).run().expect_code(0);
}

#[test]
fn the_end_of_the_terminal_ends_the_site_by_a_term() {
    let bench = Bench::new();
    let data = bench.site_dir("data");
    let script = format!(
        "import os, signal\n\
         os.chdir({data:?})\n\
         SIGNALS = [signal.SIGHUP, signal.SIGTERM]\n\
         signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)\n\
         print('ready', flush=True)\n\
         while True:\n    \
             number = signal.sigwait(SIGNALS)\n    \
             with open('said', 'a') as f: f.write(number.name + '\\n')\n    \
             number == signal.SIGTERM and os._exit(42)"
    );
    let run = bench.with_config("run", "").args(server(&script));
    let running = at_terminal(run, &[("expect", "ready"), ("close", "")]).spawn();
    running.wait_for_stdout("ready");
    running.wait().expect_code(42);
    let said = std::fs::read_to_string(data.join("said")).unwrap();
    // The kernel's HUP to the foreground comes by itself; keybearer's TERM is what ends it.
    assert_eq!(said.lines().last(), Some("SIGTERM"), "{said}");
    assert!(said.lines().filter(|line| *line == "SIGTERM").count() == 1, "{said}");
}

/// With its output at a terminal and no input from there, the foreground stays with keybearer, which
/// passes the key on.
#[test]
fn without_input_from_the_terminal_keybearer_passes_an_interrupt_on() {
    let bench = Bench::new();
    let script = "import signal, sys\n\
                  signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n\
                  print('ready', flush=True)\n\
                  signal.sigwait([signal.SIGINT])\n\
                  sys.exit(42)";
    let run = bench.with_config("run", "").args(server(script));
    let shell = "exec \"$@\" </dev/null";
    let steps = "[[\"expect\", \"ready\"], [\"type\", \"\\u0003\"]]";
    let wrapper = ["/usr/bin/python3", "-ISc", SITTER, steps, "/bin/sh", "-c", shell, "sh"];
    run.through(wrapper).run().expect_code(42);
}

/// What the site's user typed there, root's shell would read: TIOCSTI(2const).
#[test]
fn the_site_cannot_type_into_the_operators_terminal() {
    requires_root!();
    let bench = Bench::new();
    let script = "import errno, fcntl, os, termios\n\
                  for name, terminal in [('stdin', 0), ('tty', os.open('/dev/tty', os.O_RDWR))]:\n    \
                      try:\n        \
                          fcntl.ioctl(terminal, termios.TIOCSTI, b'x')\n        \
                          print(name, 'typed')\n    \
                      except OSError as error:\n        \
                          print(name, errno.errorcode[error.errno])";
    for command in ["run", "exec"] {
        let steps = [("expect", "stdin EPERM"), ("expect", "tty EPERM")];
        let keybearer = bench.with_config(command, "").args(server(script));
        at_terminal(keybearer, &steps).run().expect_code(0);
    }
}
