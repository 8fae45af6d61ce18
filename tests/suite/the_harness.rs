//! The harness is a program too, and the other tests are no better than it is.

use std::os::unix::fs::MetadataExt;

use nix::sys::signal::{Signal, kill};

use crate::harness::{Bench, Mode, NotifySocket, eventually, proc, requires_root};

#[test]
fn a_program_starts_in_a_clean_environment_and_in_the_mode_of_this_run() {
    let bench = Bench::new();
    let script = "import signal; print('ready', flush=True); signal.pause()";
    let python = bench.program("/usr/bin/python3").args(["-ISc", script]);
    let running = python.env("ADDED", "one").spawn();
    running.wait_for_stdout("ready");

    assert_eq!(proc::cmdline(running.pid()), ["/usr/bin/python3", "-ISc", script]);
    let environment = proc::environ(running.pid());
    let names: Vec<&str> = environment.keys().map(String::as_str).collect();
    assert_eq!(names, ["ADDED", "LANG", "PATH"]);
    let descriptors = proc::descriptors(running.pid());
    assert_eq!(descriptors.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);

    let status = proc::Status::of(running.pid());
    // capability(7): KILL is 5, SETGID 6, SETUID 7.
    let three = 0b1110_0000;
    match Mode::current() {
        Mode::Root => assert_ne!(status.mask("CapEff") & !three, 0),
        Mode::Three => {
            assert_eq!(status.ids("Uid"), [0; 4]);
            assert_eq!(status.mask("CapEff"), three);
            assert_eq!(status.mask("CapBnd"), three);
        }
        Mode::User => {
            assert_eq!(status.ids("Uid"), [bench.site().uid; 4]);
            assert_eq!(status.ids("Gid"), [bench.site().gid; 4]);
            assert_eq!(status.mask("CapEff"), 0);
        }
    }
}

#[test]
fn an_env_file_is_as_the_guides_make_it() {
    let bench = Bench::new();
    let file = bench.env_file("A=1\n").metadata().unwrap();
    let owner = if Mode::current().is_root() { 0 } else { bench.site().uid };
    assert_eq!((file.mode() & 0o7777, file.uid(), file.gid()), (0o640, owner, bench.site().gid));
}

#[test]
fn an_outcome_is_read_back_whole() {
    let bench = Bench::new();
    let script = "cat; echo {dir}/x >&2; kill -KILL $$";
    let shell = bench.program("/bin/sh").args(["-c", &bench.fill(script)]).stdin("input");
    let outcome = shell.run().expect_stdout("input").expect_stderr("{dir}/x").expect_nowhere("y");
    assert_eq!((outcome.code, outcome.signal), (None, Some(Signal::SIGKILL as i32)));
}

#[test]
#[should_panic(expected = "stdout holds the secret")]
fn a_secret_in_the_output_is_found() {
    let bench = Bench::new();
    let _ = bench.program("/bin/echo").arg("a canary sings").run().expect_nowhere("canary");
}

#[test]
#[should_panic(expected = "stderr expected:\nanother text")]
fn another_text_is_found() {
    let bench = Bench::new();
    let _ =
        bench.program("/bin/sh").args(["-c", "echo text >&2"]).run().expect_stderr("another text");
}

#[test]
fn what_a_test_leaves_is_killed_even_in_another_group() {
    let bench = Bench::new();
    let script = "setsid sleep 1000 & echo ready; wait";
    let running = bench.program("/bin/sh").args(["-c", script]).spawn();
    running.wait_for_stdout("ready");
    let left = running.child_pid();
    drop(running);
    eventually("it is gone", || kill(left, None).is_err());
}

#[test]
fn a_notification_arrives() {
    let bench = Bench::new();
    let socket = NotifySocket::new(&bench);
    let script = "import os, socket\n\
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
        for text in [b'STATUS=starting', b'READY=1\\nSTATUS=serving']:\n    \
            sender.sendto(text, os.environ['NOTIFY_SOCKET'])\n";
    let sender = bench.program("/usr/bin/python3").args(["-ISc", script]);
    let sender = sender.env("NOTIFY_SOCKET", socket.path()).spawn();
    let said = socket.receive_until("READY=1", &sender);
    assert_eq!(said, ["STATUS=starting", "READY=1", "STATUS=serving"]);
    sender.wait().expect_code(0);
}

#[test]
fn the_config_and_the_schema_belong_to_who_runs_keybearer() {
    requires_root!();
    let bench = Bench::new();
    for file in [bench.config("user = \"{user}\"\n"), bench.schema("[A]\ntype = \"string\"\n")] {
        let metadata = file.metadata().unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.uid()), (0o644, 0));
    }
    let config = std::fs::read_to_string(bench.path("site.toml")).unwrap();
    assert_eq!(config, format!("user = \"{}\"\n", bench.site().name));
}
