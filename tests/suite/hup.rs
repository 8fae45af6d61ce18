//! HUP fetches and validates again, and a new generation takes over what changed.

use nix::sys::signal::Signal;

use crate::harness::{Bench, Fifo, KEY, Running, eventually, proc};

const OTHER: &str = "Aq3_7hTn-Vb1xKpLw9RsYc5JmGd0eFaUoXi2BtHk8NvQ4zCuMyW6EgSjDrPfAlO9";

/// Ends with 9 at a HUP, which must never reach it.
const SERVER: [&str; 4] = [
    "--",
    "/usr/bin/python3",
    "-ISc",
    "import signal, sys\nsignal.signal(signal.SIGHUP, lambda *_: sys.exit(9))\nprint('ready', flush=True)\nsignal.pause()",
];

fn serving(bench: &Bench, config: &str) -> Running {
    let run = bench.with_config("run", &format!("[ready]\nsettle = \"0s\"\n{config}"));
    bench.env_file(&format!("SECRET_KEY={KEY}\nEMAIL_PASSWORD=first-secret\nGOING=away-secret\n"));
    let running = run.args(SERVER).spawn();
    running.wait_for_stdout("ready");
    running.wait_for_line("serving");
    running
}

fn sender() -> String {
    format!("SIGHUP from pid {}, uid {}", nix::unistd::getpid(), nix::unistd::getuid())
}

#[track_caller]
fn ends(running: Running) {
    running.signal(Signal::SIGTERM);
    let outcome = running.wait().expect_code(143);
    for secret in [KEY, OTHER, "first-secret", "second-secret", "new-secret", "away-secret"] {
        assert!(!outcome.stderr.contains(secret), "{}", outcome.stderr);
    }
}

#[test]
fn it_says_when_nothing_changed() {
    let bench = Bench::new();
    let running = serving(&bench, "");
    let server = running.child_pid();
    running.signal(Signal::SIGHUP);
    let line = running.wait_for_line("nothing changed");
    assert_eq!(line, format!("keybearer: nothing changed ({})", sender()));
    assert_eq!(running.child_pid(), server);
    ends(running);
}

#[test]
fn what_changed_is_taken_over_and_named() {
    let bench = Bench::new();
    let running = serving(&bench, "");
    bench.env_file(&format!("SECRET_KEY={KEY}\nEMAIL_PASSWORD=second-secret\nADDED=new-secret\n"));
    running.signal(Signal::SIGHUP);
    let line = running.wait_for_line("took over");
    let expected = "keybearer: ADDED is new, EMAIL_PASSWORD changed, GOING is gone; generation 2 took over after ";
    assert!(line.starts_with(expected) && line.ends_with(&format!(" s ({})", sender())), "{line}");
    let environment = proc::environ(running.child_pid());
    assert_eq!(environment["EMAIL_PASSWORD"], "second-secret");
    assert_eq!(environment["ADDED"], "new-secret");
    assert!(!environment.contains_key("GOING"));
    ends(running);
}

/// Under restart nothing overlaps, so the new key may sign at once; the old one is still verified, and
/// written down.
#[test]
fn a_new_key_comes_with_the_old_one_as_its_fallback() {
    let bench = Bench::new();
    bench.may_be_written();
    let running = serving(&bench, "");
    bench
        .env_file(&format!("SECRET_KEY={OTHER}\nEMAIL_PASSWORD=first-secret\nGOING=away-secret\n"));
    running.signal(Signal::SIGHUP);
    let line = running.wait_for_line("took over");
    assert!(
        line.starts_with(
            "keybearer: SECRET_KEY changed, SECRET_KEY_FALLBACKS changed, key fed6028d -> "
        ),
        "{line}"
    );
    let environment = proc::environ(running.child_pid());
    assert_eq!(environment["SECRET_KEY"], OTHER);
    assert_eq!(environment["SECRET_KEY_FALLBACKS"], KEY);
    running.wait_for_line("keybearer: wrote key fed6028d to the fallbacks of the document");
    let written = std::fs::read_to_string(bench.path("site.env")).unwrap();
    assert!(written.contains(&format!("SECRET_KEY_FALLBACKS={KEY}\n")), "{written}");
    ends(running);
}

/// In an overlap the old generation would not know what the new one signs: so it learns it first.
#[test]
fn where_two_overlap_a_new_key_comes_in_two_steps() {
    let bench = Bench::new();
    let running = serving(&bench, "[reload]\nstrategy = \"hand-over\"\n");
    bench
        .env_file(&format!("SECRET_KEY={OTHER}\nEMAIL_PASSWORD=first-secret\nGOING=away-secret\n"));
    running.signal(Signal::SIGHUP);
    let line = running.wait_for_line("took over");
    assert!(line.contains("; generation 3 took over after "), "{line}");
    eventually("the end of the old one", || running.child_pids().len() == 1);
    let environment = proc::environ(running.child_pid());
    assert_eq!(environment["SECRET_KEY"], OTHER);
    assert_eq!(environment["SECRET_KEY_FALLBACKS"], KEY);
    ends(running);
}

#[test]
fn what_cannot_be_used_is_reported_and_the_server_goes_on() {
    let bench = Bench::new();
    let running = serving(&bench, "");
    let stays = format!("the running server stays as it is ({})", sender());
    let file = bench.path("site.env");

    bench.env_file("SECRET_KEY=short-new-secret\n");
    running.signal(Signal::SIGHUP);
    running.wait_for_line(&stays);
    let line = running.wait_for_line("SECRET_KEY");
    assert_eq!(
        line,
        format!(
            "keybearer: SECRET_KEY: is shorter than 32 characters (in '{}'); make one with: keybearer key",
            file.display()
        )
    );

    bench.file("site.env", format!("SECRET_KEY={OTHER}\n"), 0o644);
    running.signal(Signal::SIGHUP);
    let line = running.wait_for_line("refusing '");
    assert_eq!(
        line,
        format!(
            "keybearer: refusing '{0}': readable by everyone (mode 0644); run: chmod 640 {0}",
            file.display()
        )
    );

    std::fs::remove_file(&file).unwrap();
    running.signal(Signal::SIGHUP);
    let line = running.wait_for_line("does not exist");
    assert_eq!(line, format!("keybearer: '{}' does not exist", file.display()));

    bench.env_file(&format!("SECRET_KEY={KEY}\nEMAIL_PASSWORD=first-secret\nGOING=away-secret\n"));
    running.signal(Signal::SIGHUP);
    running.wait_for_line("nothing changed");
    ends(running);
}

#[test]
fn a_storm_of_them_does_no_harm() {
    let bench = Bench::new();
    let running = serving(&bench, "");
    for _ in 0..1_000 {
        running.signal(Signal::SIGHUP);
    }
    running.wait_for_line("nothing changed");
    // One more, after a change, so that its answer is known.
    bench.env_file(&format!("SECRET_KEY={KEY}\nEMAIL_PASSWORD=second-secret\nGOING=away-secret\n"));
    running.signal(Signal::SIGHUP);
    running.wait_for_line("EMAIL_PASSWORD changed; generation 2 took over");
    let server = running.child_pid();
    assert_eq!(proc::environ(server)["EMAIL_PASSWORD"], "second-secret");
    ends(running);
}

/// It came while the server was starting; once that serves it is answered.
#[test]
fn one_that_comes_too_early_is_answered_later() {
    let bench = Bench::new();
    let hold = crate::harness::Fifo::new(&bench, "hold");
    let script = format!("read line <{}", hold.path().display());
    let config = format!(
        "[ready]\nsettle = \"500ms\"\n[reload]\nbefore = [[\"/bin/sh\", \"-c\", {script:?}]]\n"
    );
    let running = bench.with_config("run", &config).args(SERVER).spawn();
    running.wait_for_line("running the 'before' command 1");
    hold.let_go();
    running.wait_for_stdout("ready");
    running.signal(Signal::SIGHUP);
    running.wait_for_line("serving");
    running.wait_for_line("nothing changed");
    running.signal(Signal::SIGTERM);
    let stderr = running.wait().expect_code(143).stderr;
    let at = |text| stderr.find(text).unwrap();
    assert!(at("serving, key") < at("nothing changed"), "{stderr}");
}

/// It was fetched before, and the server is started with that.
#[test]
fn a_hup_during_a_gate_is_kept_until_the_server_serves() {
    let bench = Bench::new();
    let hold = Fifo::new(&bench, "hold");
    let script = format!("echo in the gate; read line <{}", hold.path().display());
    let config = format!(
        "[ready]\nsettle = \"0s\"\n[reload]\nbefore = [[\"/bin/sh\", \"-c\", {script:?}]]\n"
    );
    let running = bench.with_config("run", &config).args(SERVER).spawn();
    running.wait_for_stdout("in the gate");
    bench.env_file(&format!("SECRET_KEY={OTHER}\n"));
    running.signal(Signal::SIGHUP);
    hold.let_go();
    running.wait_for_line("serving");
    // Into the gate of the new round.
    hold.let_go();
    let line = running.wait_for_line("took over");
    assert!(line.contains("SECRET_KEY changed"), "{line}");
    ends(running);
}

/// Keybearer may write its env file, and makes a new key at a HUP; held at the gate of each round.
fn making_keys(bench: &Bench, hold: &Fifo) -> Running {
    bench.may_be_written();
    let script = format!("echo in the gate; read line <{}", hold.path().display());
    let config = format!(
        "[ready]\nsettle = \"0s\"\n[keys]\non-hup = \"generate\"\n\
         [reload]\nstrategy = \"hand-over\"\nbefore = [[\"/bin/sh\", \"-c\", {script:?}]]\n"
    );
    let running = bench.with_config("run", &config).args(SERVER).spawn();
    hold.let_go();
    running.wait_for_line("serving");
    running
}

fn written(bench: &Bench, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(bench.path("site.env")).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.map(str::to_owned)
}

#[test]
fn it_makes_a_new_key_where_it_is_told_to() {
    let bench = Bench::new();
    let hold = Fifo::new(&bench, "hold");
    let running = making_keys(&bench, &hold);
    running.signal(Signal::SIGHUP);
    hold.let_go();
    hold.let_go();
    let line = running.wait_for_line("generation 3 took over");
    assert!(line.contains("SECRET_KEY changed"), "{line}");
    eventually("the end of the old one", || running.child_pids().len() == 1);
    let environment = proc::environ(running.child_pid());
    assert_ne!(environment["SECRET_KEY"], KEY);
    assert_eq!(environment["SECRET_KEY_FALLBACKS"], KEY);
    assert!(!environment.contains_key("SECRET_KEY_NEXT"));
    assert_eq!(written(&bench, "SECRET_KEY").as_ref(), Some(&environment["SECRET_KEY"]));
    assert_eq!(written(&bench, "SECRET_KEY_FALLBACKS").as_deref(), Some(KEY));
    assert_eq!(written(&bench, "SECRET_KEY_NEXT"), None);
    assert!(!running.stderr().contains(&environment["SECRET_KEY"]));
    ends(running);
}

/// Two instances of one document that get the HUP together.
#[test]
fn a_new_key_that_another_instance_has_promoted_is_taken_over() {
    let bench = Bench::new();
    let hold = Fifo::new(&bench, "hold");
    let running = making_keys(&bench, &hold);
    running.signal(Signal::SIGHUP);
    eventually("the second gate", || running.stdout().matches("in the gate").count() == 2);
    let staged = written(&bench, "SECRET_KEY_NEXT").unwrap();
    bench.env_file(&format!("SECRET_KEY={staged}\nSECRET_KEY_FALLBACKS={KEY}\n"));
    hold.let_go();
    hold.let_go();
    running.wait_for_line("generation 3 took over");
    eventually("the end of the old one", || running.child_pids().len() == 1);
    assert_eq!(proc::environ(running.child_pid())["SECRET_KEY"], staged);
    ends(running);
}

/// A round that was refused is over: what ends the site later is another story.
#[test]
fn an_end_is_not_put_down_to_an_older_failure() {
    let bench = Bench::new();
    let place = bench.site_dir("place");
    let server = place.join("server");
    std::fs::copy("/bin/sleep", &server).unwrap();
    let at = place.display();
    let script =
        format!("[ ! -e {at}/fail ] || exit 3; [ ! -e {at}/remove ] || rm {}", server.display());
    let config = format!(
        "[ready]\nsettle = \"0s\"\n[reload]\nbefore = [[\"/bin/sh\", \"-c\", {script:?}]]\n"
    );
    let run = bench.with_config("run", &config).arg("--").arg(&server).arg("1000");
    let running = run.spawn();
    running.wait_for_line("serving");
    std::fs::write(place.join("fail"), "").unwrap();
    bench.env_file(&format!("SECRET_KEY={KEY}\nA=2\n"));
    running.signal(Signal::SIGHUP);
    running.wait_for_line("the running server stays as it is");
    std::fs::rename(place.join("fail"), place.join("remove")).unwrap();
    running.signal(Signal::SIGHUP);
    let outcome = running.wait().expect_code(1);
    assert_eq!(
        outcome.stderr.lines().last(),
        Some("keybearer: neither the new nor the old environment lives; ending"),
        "{}",
        outcome.stderr
    );
}
