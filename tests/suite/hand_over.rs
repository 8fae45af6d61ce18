//! A hand-over in which something goes wrong: the old generation serves on, no request fails, and
//! whoever asked is told.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::load::{Connection, Load, Mix};
use crate::harness::{Bench, Fifo, Listen, Operated, TestSite, Worker, eventually, key, proc};

/// What a test adds goes on in the table [ready].
const READY: &str = "[server]\nkind = \"gunicorn\"\n[ready]\npath = \"/healthz\"\n";

/// In front of Gunicorn: misbehaves in a new generation alone, as the new environment says.
const TROUBLE: &str = r#"
case "$FAIL" in
    exit) exit 5 ;;
    late) sleep 2; exit 5 ;;
esac
[ -z "$HOLD" ] || read line <"$HOLD"
case "$SECRET_KEY" in
    00000001*)
        [ ! -e ../broken ] || exit 5
        [ -z "$HOLD_SIGNING" ] || read line <"$HOLD_SIGNING"
        ;;
esac
exec "$0" "$@"
"#;

fn site(bench: &Bench) -> Option<TestSite<'_>> {
    TestSite::plain(bench, Worker::Sync, Listen::Unix)
}

fn start<'a>(bench: &'a Bench, site: &'a TestSite<'a>, more: &str) -> Operated<'a> {
    let shell = ["/bin/sh", "-c", TROUBLE].map(str::to_owned).into_iter();
    let command: Vec<_> = shell.chain(site.command()).collect();
    Operated::start_command(bench, site, &command, &format!("{READY}{more}"))
}

/// The env file with this beside the first key.
fn with(line: &str) -> String {
    format!("SECRET_KEY={}\n{line}\n", key(0))
}

fn failed_hand_overs(status: &Value) -> u64 {
    status["hand-overs"]["failed"].as_u64().unwrap()
}

/// What the environment of the next generation is like, and what is said about it.
struct Trouble {
    text: String,
    mode: u32,
    config: &'static str,
    code: i32,
    said: &'static str,
    /// No generation is even started.
    before_start: bool,
}

impl Trouble {
    /// A generation that starts and fails.
    fn of_newcomer(fail: &str, said: &'static str) -> Trouble {
        let text = with(&format!("FAIL={fail}"));
        Trouble { text, mode: 0o640, config: "", code: 1, said, before_start: false }
    }

    /// Asked for by HUP and by `reload`; then it is mended.
    fn leaves_the_old_one_serving(self) {
        let bench = Bench::new();
        let Some(site) = site(&bench) else { return };
        let operated = start(&bench, &site, self.config);
        let first = operated.generation();
        let load = Load::start(site.target(), Mix::GENTLE);
        load.progress(20);
        operated.write_env(&self.text);
        let file = bench.path("site.env");
        fs::set_permissions(file, fs::Permissions::from_mode(self.mode)).unwrap();

        operated.supervisor().signal(Signal::SIGHUP);
        operated.wait_for_status("the failure of the first attempt", |status| {
            match self.before_start {
                true => !status["fetch-failed"].is_null(),
                false => failed_hand_overs(status) == 1,
            }
        });
        self.shows_in_the_status(&operated);
        assert_eq!(operated.generation(), first);
        load.progress(20);

        let reload = operated.reload().spawn().wait();
        reload.expect_code(self.code).expect_stderr_contains(self.said).expect_nowhere(&key(0));
        assert_eq!(operated.generation(), first);
        if !self.before_start {
            assert_eq!(failed_hand_overs(&operated.status_json()), 2);
        }
        self.shows_in_the_status(&operated);
        load.progress(20);

        // What was wrong was the environment alone.
        operated.write_env(&with("MENDED=1"));
        operated.reload().spawn().wait().expect_code(0);
        assert_ne!(operated.wait_for_generation("MENDED", "1"), first);
        load.progress_of_all();
        load.stop().expect_none_failed().expect_masters(2);
        operated.stop().expect_code(0).expect_nowhere(&key(0));
    }

    #[track_caller]
    fn shows_in_the_status(&self, operated: &Operated<'_>) {
        let status = operated.status_json();
        let message = match self.before_start {
            true => &status["fetch-failed"]["message"],
            false => &status["hand-overs"]["last"]["message"],
        };
        let shown = message.as_str().is_some_and(|message| message.contains(self.said));
        assert!(shown, "{:?} expected in {status}", self.said);
        assert_eq!(status["state"], "serving", "{status}");
        let text = operated.status().run().expect_code(0);
        assert!(text.stdout.contains(self.said), "{:?} expected in {text:?}", self.said);
    }
}

#[test]
fn a_newcomer_that_exits_at_once() {
    let said = "before it was ready: exit code 5";
    Trouble::of_newcomer("exit", said).leaves_the_old_one_serving();
}

#[test]
fn a_newcomer_that_exits_after_a_while() {
    let said = "before it was ready: exit code 5";
    Trouble::of_newcomer("late", said).leaves_the_old_one_serving();
}

#[test]
fn a_newcomer_that_is_never_ready() {
    let config = "within = \"6s\"\n[reload]\ndrain = \"8s\"\n";
    let trouble = Trouble::of_newcomer("hang", "not ready within 6s");
    Trouble { config, ..trouble }.leaves_the_old_one_serving();
}

#[test]
fn a_newcomer_that_answers_badly() {
    let config = "within = \"6s\"\n";
    let trouble = Trouble::of_newcomer("answer", "it answered 500");
    Trouble { config, ..trouble }.leaves_the_old_one_serving();
}

#[test]
fn secrets_that_break_the_schema() {
    let trouble = Trouble {
        text: "SECRET_KEY=too-short\n".to_owned(),
        mode: 0o640,
        config: "",
        code: 78,
        said: "SECRET_KEY: is shorter than",
        before_start: true,
    };
    trouble.leaves_the_old_one_serving();
}

#[test]
fn a_file_that_became_readable_by_everyone() {
    let trouble = Trouble {
        text: with("CHANGED=1"),
        mode: 0o644,
        config: "",
        code: 77,
        said: "readable by everyone (mode 0644)",
        before_start: true,
    };
    trouble.leaves_the_old_one_serving();
}

/// Everybody has learned to verify with the new key, and then nobody signs with it: the next
/// attempt has only the second half to do.
#[test]
fn a_pair_of_hand_overs_that_was_cut_in_half_is_completed() {
    let bench = Bench::new();
    let Some(site) = site(&bench) else { return };
    let operated = start(&bench, &site, "");
    let load = Load::start(site.target(), Mix::GENTLE);
    bench.file("broken", "", 0o644);
    operated.replace_key(&key(1));
    operated.reload().spawn().wait().expect_code(1);
    let half = operated.wait_for_generation("SECRET_KEY", &key(0));
    let fallbacks = proc::variable(half, "SECRET_KEY_FALLBACKS").unwrap();
    assert_eq!(fallbacks.split(',').next(), Some(key(1).as_str()));

    fs::remove_file(bench.path("broken")).unwrap();
    operated.reload().spawn().wait().expect_code(0);
    let whole = operated.wait_for_generation("SECRET_KEY", &key(1));
    let fallbacks = proc::variable(whole, "SECRET_KEY_FALLBACKS").unwrap();
    assert_eq!(fallbacks.split(',').next(), Some(key(0).as_str()));
    load.progress_of_all();
    let figures = load.stop();
    figures.expect_none_failed();
    assert_eq!(figures.masters.len(), 3, "{figures}");
    operated.stop().expect_code(0);
}

/// The child that is held back by what this variable names. Others come and go before it is there:
/// whether the command can be started is tried in a process of its own.
#[track_caller]
fn wait_for_held(operated: &Operated<'_>, name: &str) -> Pid {
    let mut held = None;
    eventually(name, || {
        let children = operated.supervisor().child_pids();
        held = children.into_iter().find(|child| proc::variable(*child, name).is_some());
        held.is_some()
    });
    held.unwrap()
}

mod term {
    use super::*;

    /// Both generations are told, and nothing is left.
    #[track_caller]
    fn ends_well(operated: Operated<'_>) {
        let children = two_children(&operated);
        operated.stop().expect_code(0).expect_nowhere(&key(0));
        are_gone(&children);
    }

    #[track_caller]
    fn two_children(operated: &Operated<'_>) -> Vec<Pid> {
        let children = operated.supervisor().child_pids();
        assert_eq!(children.len(), 2, "{}", operated.supervisor().report());
        children
    }

    #[track_caller]
    fn are_gone(children: &[Pid]) {
        for child in children {
            assert!(kill(*child, None).is_err(), "{child} is still there");
        }
    }

    #[test]
    fn while_a_gate_is_asked() {
        let bench = Bench::new();
        let Some(site) = site(&bench) else { return };
        let hold = Fifo::new(&bench, "hold");
        let gate = "[ -z \\\"$GATE\\\" ] || read line <\\\"$GATE\\\"";
        let config = format!("[reload]\nbefore = [[\"/bin/sh\", \"-c\", \"{gate}\"]]\n");
        let operated = start(&bench, &site, &config);
        operated.write_env(&with(&format!("GATE={}", hold.path().display())));
        operated.supervisor().signal(Signal::SIGHUP);
        wait_for_held(&operated, "GATE");
        ends_well(operated);
    }

    #[test]
    fn while_the_newcomer_boots() {
        let bench = Bench::new();
        let Some(site) = site(&bench) else { return };
        let hold = Fifo::new(&bench, "hold");
        let operated = start(&bench, &site, "");
        operated.write_env(&with(&format!("HOLD={}", hold.path().display())));
        operated.supervisor().signal(Signal::SIGHUP);
        wait_for_held(&operated, "HOLD");
        ends_well(operated);
    }

    #[test]
    fn while_the_second_newcomer_of_a_pair_boots() {
        let bench = Bench::new();
        let Some(site) = site(&bench) else { return };
        let hold = Fifo::new(&bench, "hold");
        let operated = start(&bench, &site, "");
        let held = format!("SECRET_KEY={}\nHOLD_SIGNING={}\n", key(1), hold.path().display());
        operated.write_env(&held);
        operated.supervisor().signal(Signal::SIGHUP);
        eventually("the second newcomer", || {
            let children = operated.supervisor().child_pids();
            let keys = children.iter().filter_map(|child| proc::variable(*child, "SECRET_KEY"));
            children.len() == 2 && keys.into_iter().any(|found| found == key(1))
        });
        ends_well(operated);
    }

    /// The answer that the old one is at still comes.
    #[test]
    fn while_the_old_one_drains() {
        let bench = Bench::new();
        let Some(site) = site(&bench) else { return };
        let operated = start(&bench, &site, "");
        let first = operated.generation();
        let (here, hold) = (Fifo::new(&bench, "here"), Fifo::new(&bench, "hold"));
        let mut waiting = Connection::open(site.target()).unwrap();
        let path = format!("/held?say={}&hear={}", here.path().display(), hold.path().display());
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        waiting.send(request.as_bytes()).unwrap();
        assert_eq!(here.hear(), "here\n");
        operated.write_env(&with("NEW=1"));
        operated.supervisor().signal(Signal::SIGHUP);
        operated.wait_for_status("the second generation serves", |s| s["generation"] == 2);
        let children = two_children(&operated);
        operated.supervisor().signal(Signal::SIGTERM);
        operated.wait_for_status("it stops", |s| s["state"] == "stopping");
        hold.let_go();
        let answer = waiting.receive(None).unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"done"[..]));
        assert_eq!(answer.master(), u32::try_from(first.as_raw()).ok());
        operated.into_running().wait().expect_code(0).expect_nowhere(&key(0));
        are_gone(&children);
    }
}

/// Nothing is promoted by accident: the newcomer was not ready. The service manager starts it all
/// again.
#[test]
fn the_serving_generation_dies_in_the_middle() {
    let bench = Bench::new();
    let Some(site) = site(&bench) else { return };
    let hold = Fifo::new(&bench, "hold");
    let operated = start(&bench, &site, "");
    let first = operated.generation();
    operated.write_env(&with(&format!("HOLD={}", hold.path().display())));
    operated.supervisor().signal(Signal::SIGHUP);
    let newcomer = wait_for_held(&operated, "HOLD");
    kill(first, Signal::SIGKILL).unwrap();
    let outcome = operated.into_running().wait().expect_code(137);
    outcome
        .expect_stderr_contains(
            "keybearer: generation 1, which served, ended in the middle of a hand-over: SIGKILL; stopping the other one, which never served",
        )
        .expect_stderr_contains("keybearer: the server ended by itself: SIGKILL")
        .expect_nowhere(&key(0));
    assert!(kill(newcomer, None).is_err(), "the newcomer is still there");
}

#[test]
fn a_thousand_hups_are_one_hand_over_or_two() {
    let bench = Bench::new();
    let Some(site) = site(&bench) else { return };
    let operated = start(&bench, &site, "");
    let load = Load::start(site.target(), Mix::GENTLE);
    operated.write_env(&with("NEW=1"));
    let began = Instant::now();
    for _ in 0..1_000 {
        operated.supervisor().signal(Signal::SIGHUP);
    }
    assert!(began.elapsed() < Duration::from_secs(1), "that was no storm");
    operated.wait_for_generation("NEW", "1");
    // Its answer comes when everything before it is done.
    operated.reload().spawn().wait().expect_code(0);
    let status = operated.status_json();
    let generation = status["generation"].as_u64().unwrap();
    assert!((2..=3).contains(&generation), "{status}");
    assert_eq!(failed_hand_overs(&status), 0, "{status}");
    load.progress_of_all();
    load.stop().expect_none_failed().expect_masters(2);
    operated.stop().expect_code(0);
}

/// One key each, or one is refused: whatever is in the file is what runs, and no key that has ever
/// signed is lost.
#[test]
fn two_rotations_at_once() {
    let bench = Bench::new();
    let Some(site) = site(&bench) else { return };
    let operated = start(&bench, &site, "");
    let load = Load::start(site.target(), Mix::GENTLE);
    let both = [operated.rotate(&[]).spawn(), operated.rotate(&[]).spawn()];
    let outcomes = both.map(|rotate| rotate.wait());
    let done = outcomes.iter().filter(|outcome| outcome.code == Some(0)).count();
    assert!(done >= 1, "{outcomes:?}");
    for outcome in &outcomes {
        assert!(matches!(outcome.code, Some(0 | 1)), "{outcome:?}");
    }
    let document = operated.document();
    let current = &document["SECRET_KEY"];
    let fallbacks: Vec<_> = document["SECRET_KEY_FALLBACKS"].split(',').collect();
    assert_ne!(*current, key(0));
    assert_eq!(fallbacks.last(), Some(&key(0).as_str()), "the first key is kept");
    assert!(fallbacks.len() <= 2, "a key each at most: {outcomes:?}");
    let generation = operated.wait_for_generation("SECRET_KEY", current);
    let running = proc::variable(generation, "SECRET_KEY_FALLBACKS").unwrap();
    assert!(fallbacks.iter().all(|key| running.split(',').any(|known| known == *key)));
    load.progress_of_all();
    load.stop().expect_none_failed();
    operated.stop().expect_code(0).expect_nowhere(&key(0));
}
