//! `rotate --value`: a secret that is no key.

use std::fs;

use super::host::{Host, end, timeless};
use crate::harness::{KEY, Running, eventually, proc};

const NAME: &str = "STAGING_PASSWORD";
const OLD: &str = "an-old-one-of-24-letters";
const SCHEMA: &str = "unlisted = \"pass\"\n\
    [SECRET_KEY]\ntype = \"django-secret-key\"\n\
    [STAGING_PASSWORD]\ntype = \"string\"\nlength = { min = 16 }\ngenerate = { length = 24 }\n";

fn host(password: &str) -> Host {
    let host = Host::new(&format!("# The site\nSECRET_KEY={KEY}\n{password}# End\n"));
    host.bench.file("site.schema.toml", SCHEMA, 0o644);
    configured(&host, "web", "");
    host
}

/// The config of `Host` with this schema before its tables.
fn configured(host: &Host, name: &str, more: &str) {
    let config = host.config(name, more);
    let text = fs::read_to_string(&config).unwrap();
    let schema = host.bench.path("site.schema.toml");
    host.bench.file(&format!("{name}.toml"), format!("schema = {schema:?}\n{text}"), 0o644);
}

fn started(host: &Host, name: &str) -> Running {
    let config = host.bench.path(&format!("{name}.toml"));
    let running = host.keybearer(&["run", "--config"]).arg(config).spawn();
    running.wait_for_line("serving on");
    running
}

/// What the site has of it.
fn password(running: &Running) -> String {
    eventually("one generation", || running.child_pids().len() == 1);
    proc::environ(running.child_pid())[NAME].clone()
}

fn written(host: &Host) -> String {
    let text = host.text();
    let found = text.lines().find_map(|line| line.strip_prefix("STAGING_PASSWORD="));
    found.unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn everybody_takes_it_over_in_one_hand_over() {
    let host = host(&format!("{NAME}={OLD}\n"));
    configured(&host, "api", "");
    let running = ["api", "web"].map(|name| started(&host, name));
    let outcome = host.rotate("web", &["--value", NAME]).run().expect_code(0);
    let new = written(&host);
    assert!(new.len() == 24 && new != OLD, "{new}");
    let dir = host.bench.dir().display();
    let said = format!(
        "wrote a new STAGING_PASSWORD to '{dir}/site.env'\n\
         api: generation 2 has the new STAGING_PASSWORD, after N s\n\
         web: generation 2 has the new STAGING_PASSWORD, after N s\n"
    );
    assert_eq!(timeless(&outcome.stdout), said);
    let trace = timeless(outcome.stderr.lines().last().unwrap());
    let line = format!(
        "keybearer: rotate: wrote a new STAGING_PASSWORD to '{dir}/site.env', after N s (uid "
    );
    assert!(trace.starts_with(&line), "{trace}");
    outcome.expect_nowhere(&new).expect_nowhere(OLD).expect_nowhere(KEY);
    // All else in the file is as it was.
    assert_eq!(host.text(), format!("# The site\nSECRET_KEY={KEY}\n{NAME}={new}\n# End\n"));
    for one in running {
        assert_eq!(password(&one), new);
        assert_eq!(proc::environ(one.child_pid())["SECRET_KEY"], KEY);
        end(one).expect_nowhere(&new).expect_nowhere(OLD);
    }
}

#[test]
fn one_that_is_missing_is_made() {
    let host = host("");
    let config = host.bench.path("web.toml");
    let refused = host.keybearer(&["run", "--config"]).arg(&config).run().expect_code(78);
    refused.expect_stderr_contains(
        "STAGING_PASSWORD: is missing; put it into a source, or have it made: keybearer rotate --value STAGING_PASSWORD",
    );
    let dry = host.rotate("web", &["--value", NAME, "--dry-run"]).run().expect_code(0);
    let place = host.env_path();
    let line = format!("would write a new STAGING_PASSWORD to '{}'\n", place.display());
    assert_eq!((dry.stdout.as_str(), host.text().contains(NAME)), (line.as_str(), false));

    host.rotate("web", &["--value", NAME]).run().expect_code(0);
    let new = written(&host);
    let text = format!("# The site\nSECRET_KEY={KEY}\n{NAME}={new}\n# End\n");
    assert_eq!((host.text(), new.len()), (text, 24));
    let running = started(&host, "web");
    assert_eq!(password(&running), new);
    end(running);
}

/// Whoever does not take it over serves on with the old one, and is named.
#[test]
fn an_instance_that_refuses() {
    let host = host(&format!("{NAME}={OLD}\n"));
    let gate = "[reload]\nbefore = [[\"/bin/sh\", \"-c\", \"case $STAGING_PASSWORD in an-old*) ;; *) exit 3;; esac\"]]\n";
    configured(&host, "web", gate);
    let running = started(&host, "web");
    let outcome = host.rotate("web", &["--value", NAME]).run().expect_code(1);
    outcome
        .expect_stderr_contains(
            "keybearer: '{dir}/site.env' has a new STAGING_PASSWORD; instance 'web' did not take it over: ",
        )
        .expect_stderr_contains("; mend that and run: keybearer reload web")
        .expect_nowhere(&written(&host))
        .expect_nowhere(OLD);
    assert_eq!(password(&running), OLD);
    end(running);
}

#[track_caller]
fn refused(host: &Host, config: &str, name: &str, code: i32, said: &str) {
    let text = host.text();
    let schema = host.bench.path("site.schema.toml");
    let config = format!("schema = {schema:?}\n{}", host.bench.fill(config));
    host.bench.file("web.toml", config, 0o644);
    let said = format!("keybearer: {said}");
    host.rotate("web", &["-q", "--value", name]).run().expect_refusal(code, &said);
    assert_eq!(host.text(), text);
}

#[test]
fn what_cannot_be_made_or_written() {
    let host = host(&format!("{NAME}={OLD}\n"));
    let file = "[[source]]\ntype = \"env-file\"\npath = \"{dir}/site.env\"\n";
    let key = "is a key, or belongs to one; to rotate that: keybearer rotate, without --value";
    for name in ["SECRET_KEY", "SECRET_KEY_FALLBACKS", "SECRET_KEY_NEXT"] {
        refused(&host, file, name, 78, &format!("{name} {key}"));
    }
    let unknown = "the schema '{dir}/site.schema.toml' does not say how OTHER is made; write there: [OTHER] type = \"string\", generate = { length = 24 }";
    refused(&host, file, "OTHER", 78, unknown);
    let environment = format!("{file}[[source]]\ntype = \"directory\"\npath = \"{{dir}}/more\"\n");
    fs::create_dir(host.bench.path("more")).unwrap();
    host.bench.file("more/STAGING_PASSWORD", OLD, 0o640);
    let elsewhere = "STAGING_PASSWORD comes from directory '{dir}/more', where keybearer cannot write it so that it is read back; keep it in an env file or a store, and see prefix, only and rename there";
    refused(&host, &environment, NAME, 78, elsewhere);
    // It would be written where nobody looks for it.
    let only = format!("{file}only = [\"SECRET_KEY\"]\n");
    refused(
        &host,
        &only,
        NAME,
        78,
        "no source could hold STAGING_PASSWORD; give an env file or a store that lets it in",
    );
    // Something else is read from there.
    let shared = format!("{file}rename = {{ OTHER = \"STAGING_PASSWORD\" }}\n");
    refused(
        &host,
        &shared,
        NAME,
        78,
        "no source could hold STAGING_PASSWORD; give an env file or a store that lets it in",
    );
    let twice = format!("SECRET_KEY={KEY}\n{NAME}={OLD}\n{NAME}={OLD}\n");
    host.bench.env_file(&twice);
    let lines = "'{dir}/site.env': STAGING_PASSWORD is on lines 2 and 3; only the last counts: take the others out";
    refused(&host, file, NAME, 78, lines);
}

/// With the new value all the rest must be right as well, or nothing is written.
#[test]
fn what_else_breaks_the_schema() {
    let host = host(&format!("{NAME}={OLD}\n"));
    host.bench.env_file(&format!("SECRET_KEY=too-short\n{NAME}={OLD}\n"));
    let text = host.text();
    let outcome = host.rotate("web", &["--value", NAME]).run().expect_code(78);
    outcome.expect_stderr_contains("SECRET_KEY: ");
    assert_eq!(host.text(), text);
}
