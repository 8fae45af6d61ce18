//! A command that does not do what it should: the line, the exit code, and none of its words.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::{CANARY, exec, exec_with, other, script, source};
use crate::cache::place;
use crate::harness::{Bench, KEY, eventually};

#[track_caller]
fn fails(bench: &Bench, text: &str, more: &str, code: i32, line: &str) {
    let more = format!("user = \"kbother\"\n{more}");
    let line =
        format!("keybearer: command '{{dir}}/tool'{}", line.replace("{other}", &other(bench)));
    exec(bench, text, &more).run().expect_refusal(code, &line).expect_nowhere(CANARY);
}

#[test]
fn it_says_no() {
    let bench = Bench::new();
    fails(
        &bench,
        &format!("echo {CANARY} >&2; echo SECRET_KEY={KEY}; exit 1"),
        "format = \"env\"",
        1,
        " ended with exit code 1; it wrote 17 bytes to standard error, which are not shown: run it by hand as user '{other}' to read them",
    );
    fails(
        &bench,
        "exit 200",
        "",
        1,
        " ended with exit code 200 and said nothing; run it by hand as user '{other}'",
    );
    // Its own way to say that another try may help.
    fails(
        &bench,
        "exit 75",
        "",
        75,
        " ended with exit code 75 and said nothing; run it by hand as user '{other}'",
    );
    fails(
        &bench,
        &format!("echo {CANARY}; kill -9 $$"),
        "",
        75,
        " was killed by SIGKILL and said nothing; run it by hand as user '{other}'",
    );
}

#[test]
fn it_never_ends() {
    let bench = Bench::new();
    for text in [
        "exec sleep 1000",
        "exec >&- 2>&-; sleep 1000",
        "trap '' TERM HUP INT; while :; do sleep 1; done",
        "kill -STOP $$",
    ] {
        fails(
            &bench,
            text,
            "within = \"300ms\"",
            75,
            " did not end within 300ms and said nothing; run it by hand as user '{other}'",
        );
    }
    // Never longer than all sources have together.
    let within = exec(&bench, "sleep 1000", "within = \"1h\"\n[fetch]\nwithin = \"200ms\"");
    within.run().expect_code(75).expect_stderr_contains("did not end within 200ms");
}

#[test]
fn it_floods() {
    let bench = Bench::new();
    fails(&bench, &format!("exec yes {CANARY}"), "", 78, " printed more than 16777216 bytes");
    // Read and thrown away, for as long as it has.
    let flood = format!("exec yes {CANARY} >&2");
    let outcome = exec(&bench, &flood, "within = \"500ms\"").run().expect_code(75);
    outcome.expect_stderr_contains(" did not end within 500ms; it wrote ").expect_nowhere(CANARY);
}

#[test]
fn what_it_prints_is_no_document() {
    let bench = Bench::new();
    let json = " printed no JSON object; have it print one, or an env file with format = \"env\"";
    for text in [
        format!("echo {CANARY}"),
        format!("echo '[\"{CANARY}\"]'"),
        format!("echo '\"{CANARY}\"'"),
        format!("echo '{{\"A\": \"{CANARY}\"'"),
        format!("echo '{{\"A\": \"{CANARY}\"}} x'"),
        String::new(),
    ] {
        fails(&bench, &text, "", 78, json);
    }
    let env = |place: &str, problem: &str| {
        format!(
            " printed no env file: {place}: {problem}; have it print NAME=value lines, or a JSON object with format = \"json\""
        )
    };
    for (text, line) in [
        (format!("echo; echo {CANARY}"), env("line 2, column 1", "no '='")),
        (format!("echo 'A=\"{CANARY}'"), env("line 1, column 3", "this quote is never closed")),
    ] {
        fails(&bench, &text, "format = \"env\"", 78, &line);
    }
    for format in ["format = \"env\"", "format = \"json\""] {
        fails(
            &bench,
            &format!("printf 'A={CANARY}\\377'"),
            format,
            78,
            " printed what is not UTF-8; have it encoded (base64, for instance)",
        );
        fails(
            &bench,
            &format!("printf 'A={CANARY}\\000'"),
            format,
            78,
            " printed a NUL byte, which no environment variable can carry",
        );
    }
    let nul =
        exec(&bench, &format!("echo '{{\"A\": \"{CANARY}\\u0000\"}}'"), "user = \"kbother\"").run();
    nul.expect_refusal(
        78,
        "keybearer: command '{dir}/tool': A holds a NUL byte, which no environment variable can carry",
    )
    .expect_nowhere(CANARY);
}

#[test]
fn it_cannot_be_started() {
    let bench = Bench::new();
    let run = || exec_with(&bench, &source(&["{dir}/tool"], "user = \"kbother\"")).run();
    let line = |text: &str| {
        format!("keybearer: command '{{dir}}/tool': {}", text.replace("{other}", &other(&bench)))
    };
    run().expect_refusal(78, &line("'{dir}/tool' does not exist"));
    bench.file("tool", "#!/nowhere/sh\n", 0o755);
    let interpreter = "its interpreter does not exist; mend its first line, which begins with #!";
    run().expect_refusal(78, &line(interpreter));
    bench.file("tool", CANARY, 0o755);
    let no_program = "it is no program; a script needs #! and its interpreter in its first line";
    run().expect_refusal(78, &line(no_program)).expect_nowhere(CANARY);
    bench.file("tool", "#!/bin/sh\n", 0o644);
    let not_executable =
        "user '{other}' may not execute it or its interpreter; run: chmod 755 {dir}/tool";
    run().expect_refusal(77, &line(not_executable));
}

#[test]
fn it_is_in_others_hands() {
    let bench = Bench::new();
    let line =
        |what: &str| format!("keybearer: command '{{dir}}/tool': refusing '{{dir}}/tool': {what}");
    let run = || exec_with(&bench, &source(&["{dir}/tool"], "user = \"kbother\"")).run();
    let touch = format!("touch {}/ran", bench.dir().display());
    script(&bench, "tool", &touch);
    let set = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(&bench.path("tool"), 0o757);
    run().expect_refusal(77, &line("writable by everyone (mode 0757); run: chmod 755 {dir}/tool"));
    set(&bench.path("tool"), 0o775);
    run().expect_refusal(77, &line("writable by its group (mode 0775); run: chmod 755 {dir}/tool"));
    set(&bench.path("tool"), 0o755);
    let below = place(&bench);
    std::fs::rename(bench.path("tool"), below.join("tool")).unwrap();
    set(&below, 0o757);
    exec_with(&bench, &source(&["{dir}/kept/tool"], "user = \"kbother\"")).run().expect_refusal(
        77,
        "keybearer: command '{dir}/kept/tool': refusing '{dir}/kept/tool': directory '{dir}/kept' is writable by everyone (mode 0757); run: chmod o-w {dir}/kept",
    );
    assert!(!bench.path("ran").exists());
}

#[test]
fn another_users_program() {
    crate::harness::requires_root_tests!();
    let bench = Bench::new();
    let tool = script(&bench, "tool", "echo '{}'");
    let other = nix::unistd::User::from_name("kbother").unwrap().unwrap();
    std::os::unix::fs::chown(&tool, Some(other.uid.as_raw()), None).unwrap();
    let refused = exec_with(&bench, &source(&["{dir}/tool"], "")).run().expect_code(77);
    refused.expect_stderr_contains("refusing '{dir}/tool': owned by 'kbother', not by root");
}

/// What it leaves behind holds the pipe open, and is gone with it.
#[test]
fn a_grandchild_holds_nobody_up() {
    let bench = Bench::new();
    let text = format!("sleep 1000 & echo SECRET_KEY={KEY}; echo LEFT=$!");
    let environment = exec(&bench, &text, "format = \"env\"").run().environment();
    assert_eq!(environment["SECRET_KEY"], KEY);
    let left = Pid::from_raw(environment["LEFT"].parse().unwrap());
    eventually("the grandchild is gone", || kill(left, None).is_err() || is_zombie(left));
}

/// What has left its group writes on, and nobody waits for that.
#[test]
fn a_flood_that_it_leaves_behind_holds_nobody_up() {
    let bench = Bench::new();
    let text = format!("setsid yes {CANARY} >&2 & echo SECRET_KEY={KEY}");
    let within = "format = \"env\"\nwithin = \"60s\"";
    let outcome = exec(&bench, &text, within).run();
    assert_eq!(outcome.expect_nowhere(CANARY).environment()["SECRET_KEY"], KEY);
}

#[test]
fn its_user_is_the_sites_own() {
    crate::harness::requires_root!();
    let bench = Bench::new();
    let text = format!("echo SECRET_KEY={KEY}");
    let outcome = exec(&bench, &text, "format = \"env\"\nuser = \"{user}\"").run().expect_code(0);
    let line = format!(
        "command '{{dir}}/tool' runs as user '{}', who is the site's own: the site can read its memory and what opens the secrets; name one of its own in its [[source]]: user = \"USER\", or helper-user = \"USER\" for all of them",
        bench.site().name
    );
    outcome.expect_stderr_contains(&line);
    let outcome = exec(&bench, &text, "format = \"env\"\nuser = \"kbother\"").run().expect_code(0);
    outcome.expect_nowhere("can read its memory");
}

fn is_zombie(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}
