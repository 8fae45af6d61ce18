//! `[watch]`: what changed is taken over without a signal, and what did not costs nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{Account, Bench, KEY, Mode, Running, eventually, proc};

fn start(bench: &Bench, config: &str, script: &str) -> Running {
    let run = bench.with_config("run", &format!("[ready]\nsettle = \"300ms\"\n{config}"));
    bench.env_file(&text("WORD=first-secret"));
    let running = run.args(["--", "/bin/sh", "-c", script]).spawn();
    running.wait_for_line("serving");
    running
}

fn serving(bench: &Bench, config: &str) -> Running {
    start(bench, config, "exec sleep 1000")
}

fn text(line: &str) -> String {
    format!("# of the site\nSECRET_KEY={KEY}\n{line}\n")
}

/// As an editor saves: another file takes the place of the old one.
fn replace(bench: &Bench, text: &str) {
    let new = bench.file("site.env.new", text, 0o640);
    if Mode::current().is_root() {
        std::os::unix::fs::chown(&new, None, Some(Account::site().gid)).unwrap();
    }
    fs::rename(new, bench.path("site.env")).unwrap();
}

fn chmod(bench: &Bench, mode: u32) {
    fs::set_permissions(bench.path("site.env"), fs::Permissions::from_mode(mode)).unwrap();
}

fn status(bench: &Bench) -> Value {
    let said = bench.keybearer(["status", "--json"]).run().expect_code(0);
    serde_json::from_str(&said.stdout).unwrap()
}

/// Waits until it has looked so often, as the status shows: a look that finds nothing says nothing.
fn looks(bench: &Bench, count: usize, moment: impl Fn(&Value) -> Value) {
    for _ in 0..count {
        let before = moment(&status(bench));
        eventually("another look", || moment(&status(bench)) != before);
    }
}

fn word(running: &Running) -> String {
    proc::environ(running.child_pid())["WORD"].clone()
}

#[track_caller]
fn ends(running: Running) {
    running.signal(Signal::SIGTERM);
    let outcome = running.wait().expect_code(143).expect_nowhere(KEY);
    outcome.expect_nowhere("first-secret").expect_nowhere("second-secret");
}

#[test]
fn a_file_that_changed_is_taken_over_at_once() {
    let bench = Bench::new();
    let running = serving(&bench, "[watch]\n");
    replace(&bench, &text("WORD=second-secret"));
    let line = running.wait_for_line("generation 2 took over");
    assert!(line.starts_with("keybearer: WORD changed; "), "{line}");
    assert!(line.ends_with(" s (watch)"), "{line}");
    assert_eq!(word(&running), "second-secret");
    // The new file is another inode; and this time it is written in place.
    fs::write(bench.path("site.env"), text("WORD=first-secret")).unwrap();
    running.wait_for_line("generation 3 took over");
    assert_eq!(word(&running), "first-secret");
    ends(running);
}

#[test]
fn a_file_that_everyone_may_read_now_is_noticed() {
    let bench = Bench::new();
    let running = serving(&bench, "[watch]\n");
    let server = running.child_pid();
    chmod(&bench, 0o644);
    let line = running.wait_for_line("refusing '");
    assert!(line.contains("readable by everyone (mode 0644); run: chmod 640 "), "{line}");
    running.wait_for_line("the running server stays as it is (watch)");
    chmod(&bench, 0o640);
    running.wait_for_line("nothing changed (watch)");
    assert_eq!(running.child_pid(), server);
    ends(running);
}

/// Looked at by the clock alone.
#[test]
fn every_second_it_looks_and_says_nothing_until_something_changed() {
    let bench = Bench::new();
    let running = serving(&bench, "[watch]\nevery = \"1s\"\nfiles = false\n");
    let said = running.stderr();
    let server = running.child_pid();
    looks(&bench, 2, |status| status["fetched"].clone());
    assert_eq!(running.stderr(), said);
    assert_eq!(running.child_pid(), server);
    replace(&bench, &text("WORD=second-secret"));
    running.wait_for_line("WORD changed; generation 2 took over");
    assert_eq!(word(&running), "second-secret");
    ends(running);
}

#[test]
fn what_is_broken_is_said_once() {
    let bench = Bench::new();
    let running = serving(&bench, "[watch]\nevery = \"1s\"\n");
    let server = running.child_pid();
    replace(&bench, "SECRET_KEY=first-secret\n");
    running.wait_for_line("SECRET_KEY: is shorter than 32 characters");
    looks(&bench, 2, |status| status["fetch-failed"]["at"].clone());
    let count = |text| running.stderr().matches(text).count();
    assert_eq!(count("is shorter than"), 1, "{}", running.report());
    assert_eq!(count("the running server stays as it is (watch)"), 1, "{}", running.report());
    // Whoever asks is told all the same.
    running.signal(Signal::SIGHUP);
    running.wait_for_line("stays as it is (SIGHUP from ");
    assert_eq!(count("is shorter than"), 2, "{}", running.report());
    // That it is well again is worth a line.
    replace(&bench, &text("WORD=first-secret"));
    running.wait_for_line("nothing changed (watch)");
    assert_eq!(running.child_pid(), server);
    ends(running);
}

/// The site was down for it once. Only who asks, or another file, makes it try again.
#[test]
fn what_does_not_start_is_not_tried_again_by_itself() {
    let bench = Bench::new();
    let running = start(
        &bench,
        "[reload]\nstrategy = \"restart\"\n[watch]\nevery = \"1s\"\n",
        "[ -z \"$FAIL\" ] || exit 5; exec sleep 1000",
    );
    replace(&bench, &text("WORD=first-secret\nFAIL=1"));
    running.wait_for_line("generation 2 ended before it was ready: exit code 5");
    running.wait_for_line("generation 3 goes on");
    let server = running.child_pid();
    looks(&bench, 2, |status| status["fetched"].clone());
    assert_eq!(running.child_pid(), server, "{}", running.report());
    let line = running.wait_for_line("not trying again");
    assert_eq!(
        line,
        "keybearer: not trying again what the server did not start with; change it, or run: keybearer reload"
    );
    assert_eq!(running.stderr().matches("not trying again").count(), 1, "{}", running.report());
    running.signal(Signal::SIGHUP);
    running.wait_for_line("generation 4 ended before it was ready: exit code 5");
    running.wait_for_line("generation 5 goes on");
    replace(&bench, &text("WORD=second-secret"));
    running.wait_for_line("generation 6 took over");
    assert_eq!(word(&running), "second-secret");
    ends(running);
}

#[test]
fn nothing_wakes_it_while_no_file_changes() {
    let bench = Bench::new();
    let running = serving(&bench, "[watch]\n");
    let woken = || proc::Status::of(running.pid()).field("voluntary_ctxt_switches").to_owned();
    let before = woken_no_more(&bench, woken);
    replace(&bench, &text("WORD=second-secret"));
    running.wait_for_line("generation 2 took over");
    assert_ne!(woken(), before);
    ends(running);
}

/// That nothing happens is announced by nothing: a second of it, once it is through with the start.
#[track_caller]
fn woken_no_more(bench: &Bench, woken: impl Fn() -> String) -> String {
    let mut before = String::new();
    eventually("it is left asleep", || {
        before = woken();
        bench.program("/bin/sleep").arg("1").run().expect_code(0);
        woken() == before
    });
    before
}
