//! What the supervisor itself does with the document of the key: never against an operator, and never
//! past another instance.

use nix::sys::signal::Signal;

use crate::harness::{Bench, KEY, Mode, Running, eventually, key, proc};

const SERVER: [&str; 4] = ["--", "/bin/sh", "-c", "echo ready; sleep 1000; :"];

/// On an env file that keybearer may write.
fn serving(bench: &Bench, config: &str, server: &[&str]) -> Running {
    if !Mode::current().is_root() {
        bench.site().owns(bench.dir());
    }
    let run = bench.with_config("run", &format!("[ready]\nsettle = \"100ms\"\n{config}"));
    let running = run.args(server).spawn();
    running.wait_for_line("serving");
    running
}

fn written(bench: &Bench) -> String {
    std::fs::read_to_string(bench.path("site.env")).unwrap()
}

fn write(bench: &Bench, text: &str) {
    // In place, so that owner and mode stay.
    std::fs::write(bench.path("site.env"), text).unwrap();
}

fn ends(running: Running) {
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(143);
}

/// One of two would sign with a key that the other does not know.
#[test]
fn no_key_is_made_where_another_instance_uses_the_document() {
    let bench = Bench::new();
    let config = "[keys]\non-hup = \"generate\"\n";
    let first = serving(&bench, config, &SERVER);
    let name = format!("{}-second", bench.name());
    let second = bench
        .keybearer(["run", "--config"])
        .arg(bench.path("site.toml"))
        .args(["--name", &name, "--env-file"])
        .arg(bench.path("site.env"))
        .user_flags()
        .args(SERVER)
        .spawn();
    second.wait_for_line("serving");
    let before = written(&bench);
    let reload = bench.keybearer(["reload", &name]).run().expect_code(1);
    reload.expect_stderr(&format!(
        "keybearer: not making a new key: instance '{}' uses the same document, and all must know it before one signs with it; run: keybearer rotate",
        bench.name()
    ));
    assert_eq!(written(&bench), before);
    ends(second);

    // Alone it may.
    bench.keybearer(["reload", bench.name()]).run().expect_code(0);
    assert_ne!(written(&bench), before);
    ends(first);
}

/// Nobody is left who would have to verify the new key first.
#[test]
fn where_nothing_overlaps_a_new_key_is_one_stop() {
    let bench = Bench::new();
    let config = "[keys]\non-hup = \"generate\"\n[reload]\nstrategy = \"restart\"\n";
    let running = serving(&bench, config, &SERVER);
    running.signal(Signal::SIGHUP);
    let line = running.wait_for_line("took over");
    assert!(line.contains("SECRET_KEY changed") && line.contains("; generation 2 took"), "{line}");
    let environment = proc::environ(running.child_pid());
    assert_ne!(environment["SECRET_KEY"], KEY);
    assert_eq!(environment["SECRET_KEY_FALLBACKS"], KEY);
    assert!(!written(&bench).contains("SECRET_KEY_NEXT"));
    ends(running);
}

#[test]
fn a_carried_key_that_was_taken_out_stays_out() {
    let bench = Bench::new();
    let running = serving(&bench, "", &SERVER);
    write(&bench, &format!("SECRET_KEY={}\n", key(1)));
    running.signal(Signal::SIGHUP);
    running.wait_for_line("wrote key fed6028d to the fallbacks of the document");
    assert!(written(&bench).contains(KEY));

    write(&bench, &format!("SECRET_KEY={}\n", key(1)));
    running.signal(Signal::SIGHUP);
    let line = running.wait_for_line("generation 3 took over");
    assert!(line.contains("SECRET_KEY_FALLBACKS changed"), "{line}");
    eventually("the end of the old one", || running.child_pids().len() == 1);
    assert_eq!(proc::environ(running.child_pid())["SECRET_KEY_FALLBACKS"], key(1));
    assert!(!written(&bench).contains(KEY));
    ends(running);
}

/// It may have answered somebody before it died.
#[test]
fn what_comes_back_verifies_the_key_of_the_one_that_did_not_live() {
    let bench = Bench::new();
    let server = ["--", "/bin/sh", "-c", "[ -z \"$FAIL\" ] || exit 5; echo ready; sleep 1000; :"];
    let running = serving(&bench, "[reload]\nstrategy = \"restart\"\n", &server);
    write(&bench, &format!("SECRET_KEY={}\nFAIL=1\n", key(1)));
    let reload = bench.keybearer(["reload", bench.name()]).run().expect_code(1);
    reload.expect_stderr("keybearer: generation 2 ended before it was ready: exit code 5");
    let environment = proc::environ(running.child_pid());
    assert_eq!(environment["SECRET_KEY"], KEY);
    assert_eq!(environment["SECRET_KEY_FALLBACKS"], key(1));
    ends(running);
}
