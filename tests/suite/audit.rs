//! One line for every round: who asked, what changed, what came of it, how long it took. And no value,
//! however loud the log is.

use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid};

use crate::harness::{Account, Bench, KEY, Mode, Running, key};

/// Values of every kind that a round can meet; each of them is a canary.
const SECRETS: [&str; 4] = ["first-canary", "second-canary", "short-canary", "gone-canary"];

fn serving(bench: &Bench, more: &str) -> Running {
    let config = format!("[ready]\nsettle = \"200ms\"\n[reload]\nstrategy = \"hand-over\"\n{more}");
    bench.may_be_written();
    let run = bench.with_config("run", &config).arg("-vv");
    bench.env_file(&format!("SECRET_KEY={KEY}\nWORD=first-canary\nGOING=gone-canary\n"));
    let script = "[ -z \"$FAIL\" ] || exit 5; exec sleep 1000";
    let running = run.args(["--", "/bin/sh", "-c", script]).spawn();
    running.wait_for_line("serving");
    running
}

#[track_caller]
fn is_safe(text: &str) {
    let keys = [KEY.to_owned(), key(1), key(2)];
    for secret in SECRETS.iter().map(ToString::to_string).chain(keys) {
        assert!(!text.contains(&secret), "{text}");
    }
}

/// Every form of the status.
fn look(bench: &Bench) {
    for form in
        [&["status"][..], &["status", "--json"], &["status", "--check"], &["status", "--metrics"]]
    {
        let said = bench.keybearer(form.iter().copied()).env("KEYBEARER_VERBOSE", "2").run();
        is_safe(&said.stdout);
        is_safe(&said.stderr);
    }
}

fn asked_by(what: &str, pid: Pid) -> String {
    let uid = if Mode::current().is_root() { 0 } else { Account::site().uid };
    format!("{what} from pid {pid}, uid {uid}")
}

/// `... WHAT after 1.23 s (WHO)`: the time differs.
#[track_caller]
fn line(running: &Running, what: &str, who: &str) {
    let found = running.wait_for_line(what);
    let (said, rest) = found.rsplit_once(" after ").unwrap_or_else(|| panic!("{found}"));
    let (took, asker) = rest.split_once(" s ").unwrap_or_else(|| panic!("{found}"));
    assert_eq!(said, format!("keybearer: {what}"));
    assert_eq!(asker, format!("({who})"));
    assert!(took.parse::<f64>().is_ok_and(|took| took < 30.0), "{found}");
}

#[test]
fn who_asked_what_changed_what_came_of_it_and_how_long_it_took() {
    let bench = Bench::new();
    let running = serving(&bench, "");
    look(&bench);

    // By HUP: the old key goes first among those that verify, in two hand-overs.
    bench.env_file(&format!("SECRET_KEY={}\nWORD=second-canary\n", key(1)));
    running.signal(Signal::SIGHUP);
    let hup = format!("SIGHUP from pid {}, uid {}", getpid(), nix::unistd::getuid());
    let what = "GOING is gone, SECRET_KEY changed, SECRET_KEY_FALLBACKS changed, WORD changed, key fed6028d -> af77a555; generation 3 took over";
    line(&running, what, &hup);
    running.wait_for_line("keybearer: wrote key fed6028d to the fallbacks of the document");
    look(&bench);

    // By reload, and one that fails.
    bench.env_file(&format!(
        "SECRET_KEY={}\nSECRET_KEY_FALLBACKS={KEY}\nWORD=first-canary\nFAIL=1\n",
        key(1)
    ));
    let reload = bench.keybearer(["reload"]).env("KEYBEARER_VERBOSE", "2").spawn();
    let who = asked_by("reload", reload.pid());
    let outcome = reload.wait().expect_code(1);
    is_safe(&outcome.stdout);
    is_safe(&outcome.stderr);
    running.wait_for_line("keybearer: generation 4 ended before it was ready: exit code 5");
    line(&running, "generation 3 goes on,", &who);
    look(&bench);

    bench.env_file("SECRET_KEY=short-canary\nWORD=first-canary\n");
    let reload = bench.keybearer(["reload"]).env("KEYBEARER_VERBOSE", "2").spawn();
    let who = asked_by("reload", reload.pid());
    let outcome = reload.wait().expect_code(78);
    is_safe(&outcome.stdout);
    is_safe(&outcome.stderr);
    running.wait_for_line(&format!("keybearer: the running server stays as it is ({who})"));
    look(&bench);

    bench.env_file(&format!(
        "SECRET_KEY={}\nSECRET_KEY_FALLBACKS={KEY}\nWORD=first-canary\n",
        key(1)
    ));
    let reload = bench.keybearer(["reload"]).env("KEYBEARER_VERBOSE", "2").spawn();
    let who = asked_by("reload", reload.pid());
    let outcome = reload.wait().expect_code(0);
    is_safe(&outcome.stdout);
    is_safe(&outcome.stderr);
    line(&running, "WORD changed; generation 5 took over", &who);
    look(&bench);

    running.signal(Signal::SIGTERM);
    is_safe(&running.wait().expect_code(143).stderr);
}

#[test]
fn a_watch_is_named() {
    let bench = Bench::new();
    let running = serving(&bench, "[watch]\n");
    bench.env_file(&format!("SECRET_KEY={KEY}\nWORD=second-canary\nGOING=gone-canary\n"));
    line(&running, "WORD changed; generation 2 took over", "watch");
    running.signal(Signal::SIGTERM);
    is_safe(&running.wait().expect_code(143).stderr);
}
