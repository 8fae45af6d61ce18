//! `pause` and `restart`: never two generations, and back to the old environment where the new one
//! does not live.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::load::{Load, Mix};
use crate::harness::{
    Bench, KEY, Listen, Operated, Running, TestSite, Worker, free_port, key, proc, show,
};

/// Gunicorn's own words are the witness: the arbiter that starts and the one that ends say so.
#[test]
fn under_pause_nobody_is_refused_and_two_never_meet() {
    let bench = Bench::new();
    let Some(site) = TestSite::plain(&bench, Worker::Gthread, Listen::Tcp) else { return };
    let more = "[ready]\npath = \"/healthz\"\n[reload]\nstrategy = \"pause\"\n";
    let operated = Operated::start(&bench, &site, more);
    let load = Load::start(site.target(), Mix::BROAD);
    load.progress_of_all();
    operated.replace_key(&key(1));
    let reload = operated.reload().spawn();
    operated.supervisor().wait_for_line("generation 2 took over");
    reload.wait().expect_code(0);
    load.progress_of_all();
    let figures = load.stop();
    show(&figures.sums());
    // One hand-over is enough for a new key where nothing overlaps.
    figures.expect_none_failed();
    assert_eq!(figures.masters.len(), 2, "{figures}");
    let outcome = operated.stop().expect_code(0);
    let at = |text: &str, turn: usize| {
        outcome.stderr.match_indices(text).nth(turn).expect("said by each").0
    };
    let second = at("Starting gunicorn", 1);
    assert!(at("Shutting down: Master", 0) < second, "{}", outcome.stderr);
}

const SERVER: &str = r#"
[ ! -e fails ] || exit 6
[ -z "$FAIL" ] || exit 5
exec sleep 1000
"#;

fn serving(bench: &Bench, strategy: &str) -> Running {
    let config = format!("[ready]\nsettle = \"200ms\"\n[reload]\nstrategy = \"{strategy}\"\n");
    let run = bench.with_config("run", &config);
    // For `pause`, which needs one.
    let run = run.args(["--listen", &format!("127.0.0.1:{}", free_port())]);
    let running = run.args(["--", "/bin/sh", "-c", SERVER]).spawn();
    running.wait_for_line("serving");
    running
}

fn status(bench: &Bench) -> Value {
    let said = bench.keybearer(["status", "--json"]).run().expect_code(0);
    serde_json::from_str(&said.stdout).unwrap()
}

#[test]
fn what_does_not_live_gives_way_to_the_old_environment() {
    for strategy in ["restart", "pause"] {
        let bench = Bench::new();
        let running = serving(&bench, strategy);
        bench.env_file(&format!("SECRET_KEY={}\nFAIL=1\n", key(1)));
        let said = "generation 2 ended before it was ready: exit code 5";
        let reload = bench.keybearer(["reload"]).run().expect_code(1).expect_stdout("");
        reload.expect_stderr(&format!("keybearer: {said}"));
        running.wait_for_line("keybearer: generation 3 goes on, after ");
        let environment = proc::environ(running.child_pid());
        assert_eq!(environment["SECRET_KEY"], KEY);
        // The one that did not live may have answered somebody.
        assert_eq!(environment["SECRET_KEY_FALLBACKS"], key(1));
        assert!(!environment.contains_key("FAIL"));
        let status = status(&bench);
        assert_eq!(status["state"], "serving", "{status}");
        assert_eq!(status["generation"], 3, "{status}");
        assert_eq!(status["hand-overs"]["failed"], 1, "{status}");
        assert_eq!(status["hand-overs"]["last"]["message"], said, "{status}");
        bench.keybearer(["status", "--check"]).run().expect_code(0);

        // What was wrong was the environment alone, and the old key is still known.
        bench.env_file(&format!("SECRET_KEY={}\n", key(1)));
        bench.keybearer(["reload"]).run().expect_code(0);
        let environment = proc::environ(running.child_pid());
        assert_eq!(environment["SECRET_KEY"], key(1));
        assert_eq!(environment["SECRET_KEY_FALLBACKS"], KEY);
        running.signal(Signal::SIGTERM);
        running.wait().expect_code(143).expect_nowhere(KEY).expect_nowhere(&key(1));
    }
}

/// Then there is nothing to go on with: the service manager starts it all again.
#[test]
fn where_the_old_one_does_not_live_either_it_ends() {
    for strategy in ["restart", "pause"] {
        let bench = Bench::new();
        let running = serving(&bench, strategy);
        bench.file("fails", "", 0o644);
        bench.env_file(&format!("SECRET_KEY={}\n", key(1)));
        let reload = bench.keybearer(["reload"]).run();
        let outcome = running.wait().expect_code(1).expect_nowhere(KEY).expect_nowhere(&key(1));
        let pid = |line: &str| line.rsplit_once(" s (").map(|(_, asker)| asker.to_owned());
        let said: Vec<&str> =
            outcome.stderr.lines().skip_while(|line| !line.contains("stopping")).collect();
        assert_eq!(said.len(), 4, "{}", outcome.stderr);
        assert_eq!(
            said[0],
            "keybearer: stopping the server: neither the new nor the old environment lives"
        );
        assert_eq!(said[1], "keybearer: generation 2 ended before it was ready: exit code 6");
        let start = "keybearer: generation 3 ended before it was ready: exit code 6, after ";
        assert!(
            said[2].starts_with(start) && pid(said[2]).unwrap().starts_with("reload from pid ")
        );
        assert_eq!(said[3], "keybearer: neither the new nor the old environment lives; ending");
        reload.expect_code(1).expect_stderr(
            "keybearer: generation 2 ended before it was ready: exit code 6\n\
             keybearer: generation 3 ended before it was ready: exit code 6",
        );
    }
}
