//! The operator has put another SECRET_KEY into the file: the old one goes on verifying, also after a
//! restart of keybearer, and where that cannot be it is said.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{Bench, KEY, Mode, Running, eventually, key, proc, requires_root_tests};

/// Of KEY.
const OLD: &str = "fed6028d";

fn run(bench: &Bench, more: &str) -> Running {
    bench.may_be_written();
    let run = bench.with_config("run", &format!("[ready]\nsettle = \"0s\"\n{more}"));
    let running = run.args(["--", "/bin/sleep", "1000"]).spawn();
    running.wait_for_line("serving");
    running
}

fn hup_with(bench: &Bench, running: &Running, text: &str) {
    fs::write(bench.path("site.env"), text).unwrap();
    running.signal(Signal::SIGHUP);
    running.wait_for_line("took over");
}

fn fallbacks(running: &Running) -> String {
    eventually("one generation", || running.child_pids().len() == 1);
    proc::environ(running.child_pid())["SECRET_KEY_FALLBACKS"].clone()
}

fn status(bench: &Bench) -> Value {
    let said = bench.keybearer(["status", "--json"]).run().expect_code(0);
    serde_json::from_str(&said.expect_nowhere(KEY).expect_nowhere(&key(1)).stdout).unwrap()
}

#[track_caller]
fn ends(running: Running) {
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(143).expect_nowhere(KEY).expect_nowhere(&key(1));
}

/// Another HUP, answered.
fn again(bench: &Bench, running: &Running) {
    let count = || running.stderr().matches("nothing changed").count();
    let before = count();
    running.signal(Signal::SIGHUP);
    eventually("an answer", || count() > before);
    // Its answer comes when everything of the round is done.
    status(bench);
}

#[test]
fn it_survives_a_restart_of_keybearer() {
    let bench = Bench::new();
    let running = run(&bench, "");
    let before = fs::metadata(bench.path("site.env")).unwrap();
    let text = |key: &str, more: &str| {
        format!("# first\nA=1\nSECRET_KEY=\"{key}\"\n{more}\n  # last\nZ='2 # x'\n")
    };
    hup_with(&bench, &running, &text(&key(1), ""));
    let line = running.wait_for_line("wrote key");
    assert_eq!(line, format!("keybearer: wrote key {OLD} to the fallbacks of the document"));
    let written = fs::read_to_string(bench.path("site.env")).unwrap();
    let record = written.lines().find(|line| line.starts_with("KEYBEARER_ROTATION=")).unwrap();
    let added = format!("SECRET_KEY_FALLBACKS=\"{KEY}\"\n{record}\n");
    assert_eq!(written, text(&key(1), &added), "{written}");
    let after = fs::metadata(bench.path("site.env")).unwrap();
    assert_eq!(
        (before.uid(), before.gid(), before.mode()),
        (after.uid(), after.gid(), after.mode())
    );
    assert_eq!(status(&bench)["key"]["carried"], serde_json::json!([]));
    ends(running);

    let config = bench.path("site.toml");
    let again = bench.keybearer(["run", "--config"]).arg(config).arg("--env-file");
    let again = again.arg(bench.path("site.env")).user_flags();
    let running = again.args(["--", "/bin/sleep", "1000"]).spawn();
    running.wait_for_line("serving");
    assert_eq!(proc::environ(running.child_pid())["SECRET_KEY"], key(1));
    assert_eq!(fallbacks(&running), KEY);
    ends(running);
}

/// One warning, however often somebody looks; and the status, in every form of it.
#[track_caller]
fn is_not_stored(bench: &Bench, running: Running, why: &str) {
    let warning = running.wait_for_line("carried, not stored");
    let start = format!(
        "keybearer: warning: key {OLD} is carried, not stored: a restart of keybearer before "
    );
    assert!(warning.starts_with(&start), "{warning}");
    let ending = format!(
        " would forget it, and whoever it signed for would be logged out (cannot write {why}"
    );
    assert!(warning.contains(&ending), "{warning}");
    again(bench, &running);
    again(bench, &running);
    assert_eq!(running.stderr().matches("carried, not stored").count(), 1, "{}", running.report());
    assert_eq!(fallbacks(&running), KEY);
    let carried = &status(bench)["key"]["carried"][0];
    assert_eq!(carried["key"], OLD);
    let until = carried["until"].as_str().unwrap();
    assert!(warning.contains(until), "{warning}: {until}");
    let text = bench.keybearer(["status"]).run().expect_code(0).stdout;
    let line = format!("carried      {OLD}, not stored, until {until} (for ");
    assert!(text.contains(&line), "{text}");
    ends(running);
}

#[test]
fn where_nobody_wants_it_written_the_status_says_so() {
    let bench = Bench::new();
    let running = run(&bench, "[keys]\nwrite-back = false\n");
    let text = format!("SECRET_KEY={}\n", key(1));
    hup_with(&bench, &running, &text);
    is_not_stored(&bench, running, "the key's document: [keys] write-back is false)");
    assert_eq!(fs::read_to_string(bench.path("site.env")).unwrap(), text);
}

#[test]
fn where_the_directory_cannot_be_written_the_status_says_so() {
    requires_root_tests!();
    if Mode::current() == Mode::Root {
        return crate::harness::skip("root may write everywhere");
    }
    let bench = Bench::new();
    let config = bench.config("[ready]\nsettle = \"0s\"\n");
    let directory = bench.path("closed");
    fs::create_dir(&directory).unwrap();
    let file = bench.file("closed/site.env", format!("SECRET_KEY={KEY}\n"), 0o640);
    if Mode::current().is_root() {
        std::os::unix::fs::chown(&file, None, Some(bench.site().gid)).unwrap();
    }
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o555)).unwrap();
    let run = bench.keybearer(["run", "--config"]).arg(config).arg("--env-file").arg(&file);
    let running = run.user_flags().args(["--", "/bin/sleep", "1000"]).spawn();
    running.wait_for_line("serving");
    fs::write(&file, format!("SECRET_KEY={}\n", key(1))).unwrap();
    running.signal(Signal::SIGHUP);
    running.wait_for_line("took over");
    is_not_stored(&bench, running, &format!("'{}': ", file.display()));
}

/// It was leaked: everybody signs in again, on purpose, and at once.
#[test]
fn a_revoked_key_is_never_carried() {
    for strategy in ["hand-over", "restart"] {
        let bench = Bench::new();
        let running = run(&bench, &format!("[reload]\nstrategy = \"{strategy}\"\n"));
        let record = format!("{{\"version\":1,\"revoked\":[\"{OLD}\"]}}");
        let text = format!("SECRET_KEY={}\nKEYBEARER_ROTATION='{record}'\n", key(1));
        hup_with(&bench, &running, &text);
        assert_eq!(fallbacks(&running), key(1));
        let status = status(&bench);
        assert_eq!(status["generation"], 2, "{strategy}: {status}");
        assert_eq!(status["key"]["fallbacks"], serde_json::json!([]));
        assert_eq!(status["key"]["carried"], serde_json::json!([]));
        assert!(!running.stderr().contains("wrote key"), "{}", running.report());
        assert_eq!(fs::read_to_string(bench.path("site.env")).unwrap(), text);
        ends(running);
    }
}

/// Whoever may read the file may lock it, and must not hold up the supervisor: all of it happens
/// while the lock is held.
#[test]
fn a_lock_on_the_file_holds_up_nobody() {
    let bench = Bench::new();
    let running = run(&bench, "");
    let file = fs::File::open(bench.path("site.env")).unwrap();
    let lock = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error).unwrap();
    hup_with(&bench, &running, &format!("SECRET_KEY={}\n", key(1)));
    let warning = running.wait_for_line("carried, not stored");
    let holder = format!("process {} holds a lock (flock) on it", std::process::id());
    assert!(warning.contains(&holder), "{warning}");
    assert_eq!(status(&bench)["key"]["carried"][0]["key"], OLD);
    drop(lock);
    running.signal(Signal::SIGHUP);
    running.wait_for_line(&format!("wrote key {OLD} to the fallbacks of the document"));
    assert_eq!(status(&bench)["key"]["carried"], serde_json::json!([]));
    ends(running);
}
