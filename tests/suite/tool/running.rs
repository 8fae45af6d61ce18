//! A site whose secrets a command prints, for as long as it runs.

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{CANARY, script, source};
use crate::harness::{Bench, Fifo, KEY, Mode, Running, eventually, key, proc};

const SERVER: &str = "command = [\"/bin/sh\", \"-c\", \"echo ready; sleep 1000; :\"]\n";
const SETTLE: &str = "[ready]\nsettle = \"100ms\"\n";

/// A site that serves what `{dir}/secrets` says.
#[track_caller]
fn serving(bench: &Bench, more: &str) -> Running {
    let secrets = bench.path("secrets").display().to_string();
    script(bench, "tool", &format!("exec cat {secrets}"));
    let running = started(bench, more);
    running.wait_for_line("serving");
    running
}

fn started(bench: &Bench, more: &str) -> Running {
    let user = if Mode::current().is_root() { "user = \"{user}\"\n" } else { "" };
    let source = source(&["{dir}/tool"], "format = \"env\"\nuser = \"{user}\"");
    let config = bench.config(&format!("{SERVER}{user}{source}{SETTLE}{more}"));
    bench.keybearer(["run", "--config"]).arg(config).spawn()
}

/// For the user of the command to read.
fn holds(bench: &Bench, text: &str) {
    bench.file("secrets.new", text, 0o644);
    std::fs::rename(bench.path("secrets.new"), bench.path("secrets")).unwrap();
}

fn status(bench: &Bench) -> Value {
    let said = bench.keybearer(["status", bench.name(), "--json"]).run().expect_code(0).stdout;
    serde_json::from_str(&said).unwrap()
}

#[track_caller]
fn ends(running: Running) {
    running.signal(Signal::SIGTERM);
    let outcome = running.wait().expect_code(143);
    outcome.expect_nowhere(KEY).expect_nowhere(CANARY).expect_nowhere(&key(1));
}

#[test]
fn a_reload_takes_over_what_has_changed() {
    let bench = Bench::new();
    holds(&bench, &format!("SECRET_KEY={KEY}\nA=one\n"));
    let running = serving(&bench, "");
    holds(&bench, &format!("SECRET_KEY={}\nA=two\n", key(1)));
    bench.keybearer(["reload", bench.name()]).run().expect_code(0).expect_nowhere("two");
    let environment = proc::environ(running.child_pid());
    assert_eq!((environment["SECRET_KEY"].as_str(), environment["A"].as_str()), (&*key(1), "two"));
    assert_eq!(environment["SECRET_KEY_FALLBACKS"], KEY);
    let again = bench.keybearer(["reload", bench.name()]).run().expect_code(0);
    assert!(again.stdout.contains("nothing changed"), "{}", again.stdout);
    let source = &status(&bench)["sources"][0];
    let shown = format!("command '{}'", bench.path("tool").display());
    assert_eq!((source["source"].as_str(), &source["version"]), (Some(&*shown), &Value::Null));
    ends(running);
}

#[test]
fn the_watch_runs_it_again() {
    let bench = Bench::new();
    holds(&bench, &format!("SECRET_KEY={KEY}\nA=one\n"));
    let running = serving(&bench, "[watch]\nevery = \"1s\"\n");
    holds(&bench, &format!("SECRET_KEY={KEY}\nA=two\n"));
    eventually("the new value", || match running.child_pids()[..] {
        [only] => proc::variable(only, "A").as_deref() == Some("two"),
        _ => false,
    });
    ends(running);
}

#[test]
fn one_that_fails_leaves_what_runs() {
    let bench = Bench::new();
    holds(&bench, &format!("SECRET_KEY={KEY}\n"));
    let running = serving(&bench, "");
    let before = running.child_pid();
    script(&bench, "tool", &format!("echo {CANARY}; echo {CANARY} >&2; exit 3"));
    let reload = bench.keybearer(["reload", bench.name()]).run().expect_code(1);
    let reload = reload.expect_nowhere(CANARY);
    assert!(
        reload.stderr.contains("ended with exit code 3; it wrote 17 bytes"),
        "{}",
        reload.stderr
    );
    assert_eq!(running.child_pid(), before);
    let failed = &status(&bench)["fetch-failed"]["message"];
    assert!(failed.as_str().unwrap().contains("exit code 3"), "{failed}");
    ends(running);
}

/// While one runs the supervisor answers and can be told to end; then the command is gone as well.
#[test]
fn one_that_hangs_keeps_nobody_waiting() {
    let bench = Bench::new();
    holds(&bench, &format!("SECRET_KEY={KEY}\n"));
    let running = serving(&bench, "");
    let fifo = Fifo::new(&bench, "begun");
    script(&bench, "tool", &format!("echo $$ > {}; exec sleep 1000", fifo.path().display()));
    running.signal(Signal::SIGHUP);
    let tool = fifo.hear();
    assert_eq!(status(&bench)["state"], "handing-over");
    ends(running);
    assert!(!std::path::Path::new(&format!("/proc/{}/root", tool.trim())).is_dir());
}

#[test]
fn a_term_at_the_start_is_not_kept_waiting() {
    let bench = Bench::new();
    let fifo = Fifo::new(&bench, "begun");
    script(&bench, "tool", &format!("echo $$ > {}; exec sleep 1000", fifo.path().display()));
    let running = started(&bench, "");
    let tool = fifo.hear();
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(143);
    eventually("the command is gone", || {
        !std::path::Path::new(&format!("/proc/{}", tool.trim())).exists()
    });
}

#[test]
fn it_is_never_rotated() {
    let bench = Bench::new();
    holds(&bench, &format!("SECRET_KEY={KEY}\n"));
    let running = serving(&bench, "");
    let rotate = bench.keybearer(["rotate", "--config"]).arg(bench.path("site.toml")).run();
    rotate.expect_refusal(
        78,
        "keybearer: keys cannot be written to command '{dir}/tool': it is what a command prints; change the key with the tool that keeps it and run keybearer reload, or keep the key in an env file",
    );
    ends(running);
}
