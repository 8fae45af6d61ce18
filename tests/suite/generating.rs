//! `on-hup = "generate"`: a HUP makes a new key and brings it in, and the file holds it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::{Bench, KEY, Mode, Running, eventually, proc, requires_root_tests};

const GENERATE: &str = "[ready]\nsettle = \"200ms\"\n[keys]\non-hup = \"generate\"\n";
const HAND_OVER: &str = "[reload]\nstrategy = \"hand-over\"\n";
const RESTART: &str = "[reload]\nstrategy = \"restart\"\n";

/// Goes wrong as the files beside it say: always, or where another key than the first one signs.
const SERVER: &str = r#"
[ ! -e fails ] || exit 5
case "$SECRET_KEY" in
    Zq3_7hTn*) ;;
    *) [ ! -e fails-to-sign ] || exit 6 ;;
esac
exec sleep 1000
"#;

/// The operator's own words must stay.
fn file() -> String {
    format!("# keys\nSECRET_KEY='{KEY}'\n\nEMAIL_PASSWORD=a-canary\n")
}

fn serving(bench: &Bench, strategy: &str) -> Running {
    bench.may_be_written();
    let run = bench.with_config("run", &format!("{GENERATE}{strategy}"));
    bench.env_file(&file());
    let running = run.args(["--", "/bin/sh", "-c", SERVER]).spawn();
    running.wait_for_line("serving");
    running
}

fn document(bench: &Bench) -> BTreeMap<String, String> {
    let text = fs::read_to_string(bench.path("site.env")).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let value = |value: &str| match value.strip_prefix('\'') {
        Some(quoted) => quoted.split('\'').next().unwrap().to_owned(),
        None => value.to_owned(),
    };
    lines.map(|(name, found)| (name.to_owned(), value(found))).collect()
}

fn record(bench: &Bench) -> Value {
    serde_json::from_str(&document(bench)["KEYBEARER_ROTATION"]).unwrap()
}

fn status(bench: &Bench) -> Value {
    let said = bench.keybearer(["status", "--json"]).run().expect_code(0);
    serde_json::from_str(&said.expect_nowhere(KEY).stdout).unwrap()
}

/// The only one, once the one before has gone.
fn generation(running: &Running) -> Pid {
    eventually("one generation", || running.child_pids().len() == 1);
    running.child_pid()
}

/// What the file has is what runs; the first key verifies.
#[track_caller]
fn runs_what_the_file_has(bench: &Bench, running: &Running) {
    let document = document(bench);
    let environment = proc::environ(generation(running));
    for name in ["SECRET_KEY", "SECRET_KEY_FALLBACKS"] {
        assert_eq!(environment[name], document[name], "{name}");
    }
    assert!(!environment.contains_key("SECRET_KEY_NEXT"));
    assert!(!environment.contains_key("KEYBEARER_ROTATION"));
    assert!(!document.contains_key("SECRET_KEY_NEXT"), "nothing is left half done");
    let fallbacks: Vec<&str> = document["SECRET_KEY_FALLBACKS"].split(',').collect();
    assert!(fallbacks.contains(&KEY));
    assert_ne!(document["SECRET_KEY"], KEY);
}

#[track_caller]
fn ends(bench: &Bench, running: Running) {
    let key = document(bench)["SECRET_KEY"].clone();
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(143).expect_nowhere(KEY).expect_nowhere(&key);
}

#[test]
fn a_hup_makes_a_key_in_two_hand_overs_and_writes_it_down() {
    let bench = Bench::new();
    let running = serving(&bench, HAND_OVER);
    let before = fs::metadata(bench.path("site.env")).unwrap();
    running.signal(Signal::SIGHUP);
    let first = running.wait_for_line("generation 2 took over");
    assert!(first.starts_with("keybearer: SECRET_KEY_FALLBACKS changed; "), "{first}");
    let second = running.wait_for_line("generation 3 took over");
    assert!(
        second.contains("SECRET_KEY changed") && second.contains("key fed6028d -> "),
        "{second}"
    );
    runs_what_the_file_has(&bench, &running);

    let text = fs::read_to_string(bench.path("site.env")).unwrap();
    let document = document(&bench);
    let expected = format!(
        "# keys\nSECRET_KEY='{}'\nSECRET_KEY_FALLBACKS='{KEY}'\nKEYBEARER_ROTATION='{}'\n\nEMAIL_PASSWORD=a-canary\n",
        document["SECRET_KEY"], document["KEYBEARER_ROTATION"]
    );
    assert_eq!(text.replace("'", ""), expected.replace("'", ""));
    let after = fs::metadata(bench.path("site.env")).unwrap();
    assert_eq!(
        (before.uid(), before.gid(), before.mode()),
        (after.uid(), after.gid(), after.mode())
    );
    let record = record(&bench);
    assert_eq!(record["current"]["key"], status(&bench)["key"]["current"], "{record}");
    assert_eq!(record["fallbacks"][0]["key"], "fed6028d", "{record}");
    let day = |moment: &Value| moment.as_str().unwrap()[..10].to_owned();
    // Django's own age of a session, by the calendar of another program.
    let since = format!("{} + 14 days", day(&record["current"]["since"]));
    let date = bench.program("/bin/date").args(["-u", "+%F", "-d", &since]).run();
    assert_eq!(day(&record["fallbacks"][0]["until"]), date.stdout.trim(), "{record}");
    ends(&bench, running);
}

#[test]
fn reload_makes_one_each_time() {
    let bench = Bench::new();
    let running = serving(&bench, RESTART);
    for turn in 1..=2 {
        let old = document(&bench)["SECRET_KEY"].clone();
        let reload = bench.keybearer(["reload"]).run().expect_code(0).expect_stderr("");
        let new = document(&bench)["SECRET_KEY"].clone();
        assert_ne!(old, new);
        let said = reload.expect_nowhere(&old).expect_nowhere(&new).stdout;
        // Nobody overlaps who would have to learn it first.
        assert!(said.contains(&format!(": generation {} serves after ", 1 + turn)), "{said}");
        runs_what_the_file_has(&bench, &running);
        assert_eq!(document(&bench)["SECRET_KEY_FALLBACKS"].split(',').count(), turn);
    }
    ends(&bench, running);
}

#[test]
fn many_hups_at_once_make_one_key_or_two() {
    let bench = Bench::new();
    let running = serving(&bench, HAND_OVER);
    for _ in 0..200 {
        running.signal(Signal::SIGHUP);
    }
    running.wait_for_line("generation 3 took over");
    eventually("all is done", || status(&bench)["state"] == "serving");
    runs_what_the_file_has(&bench, &running);
    let keys = document(&bench)["SECRET_KEY_FALLBACKS"].split(',').count();
    assert!((1..=2).contains(&keys), "{keys}\n{}", running.report());
    ends(&bench, running);
}

/// Everybody has yet to learn of it: the next HUP goes on with the same key.
#[test]
fn where_nobody_could_learn_it_the_next_hup_goes_on() {
    let bench = Bench::new();
    let running = serving(&bench, HAND_OVER);
    let trouble = bench.file("fails", "", 0o644);
    let reload = bench.keybearer(["reload"]).run().expect_code(1);
    reload.expect_stderr(
        "keybearer: generation 2 ended before it was ready: exit code 5\n\
         keybearer: the new key is staged in the document; the next HUP goes on with it",
    );
    assert_eq!(status(&bench)["generation"], 1);
    let half = document(&bench);
    assert_eq!(half["SECRET_KEY"], KEY);
    let staged = half["SECRET_KEY_NEXT"].clone();
    fs::remove_file(trouble).unwrap();
    running.signal(Signal::SIGHUP);
    running.wait_for_line("key fed6028d -> ");
    runs_what_the_file_has(&bench, &running);
    assert_eq!(document(&bench)["SECRET_KEY"], staged);
    assert_eq!(document(&bench)["SECRET_KEY_FALLBACKS"], KEY);
    ends(&bench, running);
}

/// The file has the new key, and the old one still signs: nothing is lost, and the next HUP brings in
/// what is there instead of another one.
fn what_would_sign_fails(strategy: &str, generation_that_fails: u32) {
    let bench = Bench::new();
    let running = serving(&bench, strategy);
    let trouble = bench.file("fails-to-sign", "", 0o644);
    let reload = bench.keybearer(["reload"]).run().expect_code(1);
    let half = document(&bench);
    let new = half["SECRET_KEY"].clone();
    reload.expect_nowhere(KEY).expect_nowhere(&new).expect_stderr(&format!(
        "keybearer: generation {generation_that_fails} ended before it was ready: exit code 6\n\
         keybearer: the new key is in the document and does not sign yet; the next HUP goes on with it"
    ));
    assert_ne!(new, KEY);
    assert_eq!(half["SECRET_KEY_FALLBACKS"], KEY);
    let environment = proc::environ(generation(&running));
    assert_eq!(environment["SECRET_KEY"], KEY);
    assert_eq!(environment["SECRET_KEY_FALLBACKS"], new);

    fs::remove_file(trouble).unwrap();
    running.signal(Signal::SIGHUP);
    running.wait_for_line("key fed6028d -> ");
    eventually("all is done", || status(&bench)["state"] == "serving");
    runs_what_the_file_has(&bench, &running);
    assert_eq!(document(&bench)["SECRET_KEY"], new, "no other key was made");
    assert_eq!(document(&bench)["SECRET_KEY_FALLBACKS"], KEY);
    ends(&bench, running);
}

#[test]
fn where_nobody_could_sign_with_it_the_next_hup_goes_on() {
    what_would_sign_fails(HAND_OVER, 3);
}

#[test]
fn without_an_overlap_too() {
    what_would_sign_fails(RESTART, 2);
}

/// Refused before anything changes, and a HUP tells it too.
#[test]
fn a_directory_that_cannot_be_written_makes_no_key() {
    requires_root_tests!();
    if Mode::current() == Mode::Root {
        return crate::harness::skip("root may write everywhere");
    }
    let bench = Bench::new();
    // Neither root without its capabilities nor the site's user may write here.
    let closed = bench.path("closed");
    fs::create_dir(&closed).unwrap();
    let file = place(&bench, "closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    let config = bench.config(&format!("{GENERATE}{HAND_OVER}"));
    let run = bench.keybearer(["run", "--config"]).arg(config).arg("--env-file").arg(&file);
    let running = run.user_flags().args(["--", "/bin/sleep", "1000"]).spawn();
    running.wait_for_line("serving");
    let before = fs::read(&file).unwrap();
    let reload = bench.keybearer(["reload"]).run().expect_code(77);
    reload.expect_stderr_contains("cannot write '{dir}/closed/site.env': ");
    running.signal(Signal::SIGHUP);
    running.wait_for_line("the running server stays as it is (SIGHUP");
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(fs::read_dir(&closed).unwrap().count(), 1, "no temporary file is left");
    assert_eq!(status(&bench)["generation"], 1);
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(143).expect_nowhere(KEY);
}

fn place(bench: &Bench, directory: &str) -> PathBuf {
    let path = bench.file(&format!("{directory}/site.env"), file(), 0o640);
    if Mode::current().is_root() {
        std::os::unix::fs::chown(&path, None, Some(bench.site().gid)).unwrap();
    }
    path
}
