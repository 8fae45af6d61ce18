//! What a site with a cache does when its store is away, and when it is back.

use std::os::unix::fs::MetadataExt;

use nix::sys::signal::Signal;

use super::{CACHE, KEY, PASSWORD, Setting, ends, place};
use crate::harness::{Bench, DEADLINE, eventually_within, proc};

/// Who may read it, and where it is.
#[test]
fn it_is_a_file_of_keybearers_own_in_memory() {
    let bench = Bench::new();
    let Some(setting) = Setting::new(&bench) else { return };
    let running = setting.serving();
    let found = std::fs::symlink_metadata(setting.file()).unwrap();
    let supervisor = std::fs::metadata(format!("/proc/{}", running.pid())).unwrap();
    assert_eq!((found.mode() & 0o7777, found.nlink()), (0o600, 1));
    assert_eq!(found.uid(), owner(&bench, supervisor.uid()));
    let held = std::fs::read(setting.file()).unwrap();
    let holds = |text: &str| held.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds(KEY) && !holds(setting.vault.root_token()));
    ends(running);
    assert!(setting.file().exists(), "the next start may need it");
}

/// /proc shows root's for what is not dumpable.
fn owner(bench: &Bench, _seen: u32) -> u32 {
    match crate::harness::Mode::current().is_root() {
        true => 0,
        false => bench.site().uid,
    }
}

#[test]
fn without_it_nothing_is_kept() {
    let bench = Bench::new();
    let Some(setting) = Setting::new(&bench) else { return };
    setting.config("");
    ends(setting.serving());
    assert!(!setting.file().exists());
    setting.is_away();
    setting.keybearer(&["run"]).run().expect_code(75).expect_nowhere("cache");
}

#[test]
fn a_start_when_the_store_is_away_and_a_hand_over_when_it_is_back() {
    let bench = Bench::new();
    let Some(setting) = Setting::new(&bench) else { return };
    ends(setting.serving());
    setting.is_away();
    let running = setting.serving();
    running.wait_for_line("; STALE since 20");
    let environment = proc::environ(running.child_pid());
    assert_eq!(environment["SECRET_KEY"], KEY);
    assert_eq!(environment["EMAIL_PASSWORD"], PASSWORD);
    assert!(!environment.contains_key("VAULT_TOKEN"));

    let text = setting.status("");
    assert!(text.contains("\nSTALE        since 20"), "{text}");
    assert!(text.contains("Vault 'secret/example/prod', version 1, STALE since 20"), "{text}");
    let json = setting.status_json();
    assert!(json["stale-since"].as_str().unwrap().starts_with("20"), "{json}");
    assert_eq!(json["sources"][0]["stale-since"], json["stale-since"]);
    assert_eq!(json["fetched"], json["stale-since"]);
    let failed = json["fetch-failed"]["message"].as_str().unwrap();
    assert!(failed.contains("Vault 'secret/example/prod'"), "{failed}");
    assert!(setting.status("--metrics").contains("keybearer_stale{"), "no metric");
    assert!(setting.status("--metrics").contains("} 1\n# TYPE keybearer_restarts"), "not 1");

    // It is asked again by itself; what is the same changes nothing.
    let before = running.child_pid();
    setting.is_back();
    running.wait_for_line("the stores answer again, and what runs is what they have");
    assert_eq!(running.child_pid(), before);
    let json = setting.status_json();
    assert_eq!((json["stale-since"].as_str(), json["fetch-failed"].as_str()), (None, None));
    assert!(!setting.status("").contains("STALE"));
    ends(running);
}

#[test]
fn what_has_changed_meanwhile_is_handed_over_to() {
    let bench = Bench::new();
    let Some(setting) = Setting::new(&bench) else { return };
    ends(setting.serving());
    setting.is_away();
    let running = setting.serving();
    setting.vault.seed("example/prod", &[("SECRET_KEY", KEY), ("EMAIL_PASSWORD", "canary-new")]);
    setting.is_back();
    let is_new = || match running.child_pids()[..] {
        [only] => proc::variable(only, "EMAIL_PASSWORD").as_deref() == Some("canary-new"),
        _ => false,
    };
    eventually_within(2 * DEADLINE, "the new password", is_new);
    running.wait_for_line("(a store that was away)");
    ends(running);
}

/// What runs goes on; whoever asked hears that the store was not read.
#[test]
fn at_hup_and_reload() {
    let bench = Bench::new();
    let Some(setting) = Setting::new(&bench) else { return };
    let local = bench.file("local.env", "A=one\n", 0o600);
    let more = format!("{CACHE}[[source]]\ntype = \"env-file\"\npath = {local:?}\n");
    setting.config(&more);
    let running = setting.serving();
    let before = running.child_pid();
    setting.is_away();
    let reload = setting.reload().run().expect_code(75);
    assert!(
        reload.stderr.contains("nothing has changed beside that; what runs is STALE since 20"),
        "{}",
        reload.stderr
    );
    reload.expect_nowhere(KEY).expect_nowhere("canary-of-a-body");
    assert_eq!(running.child_pid(), before);
    assert!(setting.status("").contains("STALE"));

    // What is here has changed all the same.
    bench.file("local.env", "A=two\n", 0o600);
    running.signal(Signal::SIGHUP);
    running.wait_for_line("took over");
    let environment = proc::environ(running.child_pid());
    assert_eq!((environment["A"].as_str(), environment["SECRET_KEY"].as_str()), ("two", KEY));
    setting.is_back();
    setting.reload().run().expect_code(0);
    assert!(!setting.status("").contains("STALE"));
    ends(running);
}

/// With 403 it is not away.
#[test]
fn a_store_that_says_no_is_believed() {
    let bench = Bench::new();
    let Some(setting) = Setting::new(&bench) else { return };
    let running = setting.serving();
    setting.says_no();
    setting.reload().run().expect_code(77).expect_nowhere("STALE").expect_nowhere("cache");
    ends(running);
    let run = setting.keybearer(&["run"]).run().expect_code(77);
    run.expect_nowhere("STALE").expect_nowhere("cache").expect_nowhere(KEY);
    setting.exec().run().expect_code(77).expect_nowhere(KEY);
}

/// What a gate has refused takes the place of nothing.
#[test]
fn what_never_ran_is_not_kept() {
    let bench = Bench::new();
    let Some(setting) = Setting::new(&bench) else { return };
    setting.config(&format!(
        "{CACHE}[reload]\nbefore = [[\"/bin/sh\", \"-c\", \"test $EMAIL_PASSWORD = {PASSWORD}\"]]\n"
    ));
    let running = setting.serving();
    let kept = std::fs::read(setting.file()).unwrap();
    setting.vault.seed("example/prod", &[("SECRET_KEY", KEY), ("EMAIL_PASSWORD", "other")]);
    setting.reload().run().expect_code(1);
    assert!(kept == std::fs::read(setting.file()).unwrap(), "it is the one that runs");
    ends(running);
    setting.is_away();
    let exec = setting.exec().run().expect_code(0);
    assert_eq!(exec.environment()["EMAIL_PASSWORD"], PASSWORD);
}

#[test]
fn exec_and_check_use_it_and_rotate_does_not() {
    let bench = Bench::new();
    let Some(setting) = Setting::new(&bench) else { return };
    ends(setting.serving());
    setting.is_away();
    let exec = setting.exec().run().expect_code(0);
    let exec = exec.expect_stderr_contains("; STALE since 20");
    let environment = exec.environment();
    assert_eq!(environment["EMAIL_PASSWORD"], PASSWORD);
    assert!(!environment.contains_key("VAULT_TOKEN"));
    let check = setting.keybearer(&["check"]).run().expect_code(0).expect_nowhere(KEY);
    assert!(check.stdout.contains("; STALE since 20"), "{}", check.stdout);
    setting.keybearer(&["rotate", "--blind"]).run().expect_code(75).expect_nowhere("STALE");
}

/// A command that failed in a way that may pass.
#[test]
fn what_a_command_printed_is_kept_too() {
    let bench = Bench::new();
    let script = |text: &str| bench.file("tool", format!("#!/bin/sh\n{text}\n"), 0o755);
    let user = if crate::harness::Mode::current().is_root() { "user = \"{user}\"\n" } else { "" };
    bench.config(&format!(
        "{user}[[source]]\ntype = \"command\"\nargv = [\"{{dir}}/tool\"]\nformat = \"env\"\n\
         [cache]\nmax-age = \"1h\"\ndirectory = {:?}\n",
        place(&bench)
    ));
    let exec = || {
        let exec = bench.keybearer(["exec", "--config"]).arg(bench.path("site.toml"));
        exec.args(["--", "/usr/bin/env", "-0"]).run()
    };
    script(&format!("echo SECRET_KEY={KEY}"));
    assert_eq!(exec().environment()["SECRET_KEY"], KEY);
    script("exit 75");
    let kept = exec().expect_stderr_contains("; STALE since 20");
    assert_eq!(kept.environment()["SECRET_KEY"], KEY);
    script("exit 1");
    exec().expect_code(1).expect_nowhere("STALE").expect_nowhere(KEY);
}
