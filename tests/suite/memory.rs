//! What the supervisor's memory holds: looked at by root, who may.

use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::harness::{Bench, KEY, Running, requires_root_tests};

fn serving(bench: &Bench, secrets: &str) -> Running {
    let run = bench.with_config("run", "[ready]\nsettle = \"0s\"\n");
    bench.env_file(&format!("SECRET_KEY={KEY}\n{secrets}"));
    let running =
        run.args(["-v", "--", "/bin/sh", "-c", "trap '' USR1; echo ready; sleep 1000; :"]).spawn();
    running.wait_for_stdout("ready");
    running.wait_for_line("serving");
    running
}

/// How often the text is in what the process can write to: heap, stack, data.
pub fn copies(process: Pid, text: &str) -> usize {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let mut found = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (range, _) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let mut bytes = vec![0; usize::try_from(number(end) - number(start)).unwrap()];
        if memory.read_exact_at(&mut bytes, number(start)).is_ok() {
            found += bytes.windows(text.len()).filter(|part| *part == text.as_bytes()).count();
        }
    }
    found
}

#[test]
fn a_secret_is_there_as_often_as_it_must_be() {
    requires_root_tests!();
    let bench = Bench::new();
    let running = serving(&bench, "EMAIL_HOST_PASSWORD=canary-of-the-first-fetch\n");
    assert_eq!(copies(running.pid(), "canary-of-the-first-fetch"), 1);

    // What ran before is wiped when it runs no more.
    bench.env_file(&format!("SECRET_KEY={KEY}\nEMAIL_HOST_PASSWORD=canary-of-the-second\n"));
    running.signal(Signal::SIGHUP);
    running.wait_for_line("took over");
    // When this is said the loop has come round, and what was fetched is gone.
    running.signal(Signal::SIGWINCH);
    running.wait_for_line("got SIGWINCH");
    assert_eq!(copies(running.pid(), "canary-of-the-second"), 1);
    assert_eq!(copies(running.pid(), "canary-of-the-first-fetch"), 0);

    // Fetched, and of no use: wiped too.
    bench.env_file("SECRET_KEY=short\nEMAIL_HOST_PASSWORD=canary-of-the-third\n");
    running.signal(Signal::SIGHUP);
    running.wait_for_line("the running server stays as it is");
    running.signal(Signal::SIGUSR1);
    running.wait_for_line("got SIGUSR1");
    assert_eq!(copies(running.pid(), "canary-of-the-third"), 0);
    assert_eq!(copies(running.pid(), "canary-of-the-second"), 1);
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(143);
}

/// They are libraries that speak to daemons and networks: nsswitch.conf(5).
#[test]
fn no_module_of_the_name_services_is_loaded() {
    requires_root_tests!();
    let bench = Bench::new();
    let running = serving(&bench, "");
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", running.pid())).unwrap();
    assert!(maps.contains("keybearer") && !maps.contains("libnss"), "{maps}");
}
