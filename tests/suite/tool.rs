//! Secrets that a command prints.

mod failing;
mod running;

use std::path::PathBuf;

use crate::harness::{Bench, Invocation, KEY, Mode, requires_root, skip};

/// What no message may hold.
const CANARY: &str = "canary-of-a-tool";

/// A script of whoever keybearer runs as.
fn script(bench: &Bench, name: &str, text: &str) -> PathBuf {
    bench.file(name, format!("#!/bin/sh\n{text}\n"), 0o755)
}

fn source(words: &[&str], more: &str) -> String {
    format!("[[source]]\ntype = \"command\"\nargv = {words:?}\n{more}\n")
}

/// `exec` of `env -0` with what this script prints.
fn exec<'a>(bench: &'a Bench, text: &str, more: &str) -> Invocation<'a> {
    script(bench, "tool", text);
    exec_with(bench, &source(&["{dir}/tool"], more))
}

fn exec_with<'a>(bench: &'a Bench, config: &str) -> Invocation<'a> {
    let config = bench.config(config);
    let exec = bench.keybearer(["exec", "--config"]).arg(config).user_flags();
    exec.args(["--", "/usr/bin/env", "-0"])
}

/// As whom a command runs for which `user = "kbother"` is given.
fn other(bench: &Bench) -> String {
    if Mode::current().is_root() { "kbother".to_owned() } else { bench.site().name.clone() }
}

#[test]
fn json_as_stores_have_it() {
    let bench = Bench::new();
    let text = format!(
        r#"echo '{{"SECRET_KEY": "{KEY}", "N": 1.10, "B": true, "O": {{"a": [1, 2]}}, "Z": null, "E": ""}}'"#
    );
    let outcome = exec(&bench, &text, "").run().expect_code(0);
    let outcome =
        outcome.expect_stderr_contains("command '{dir}/tool': \"Z\" is null and is left out");
    let environment = outcome.environment();
    let expected = [("SECRET_KEY", KEY), ("N", "1.10"), ("B", "true"), ("O", r#"{"a": [1, 2]}"#)];
    for (name, value) in expected {
        assert_eq!(environment[name], value);
    }
    assert_eq!((environment["E"].as_str(), environment.get("Z")), ("", None));
}

#[test]
fn env_files_and_what_every_source_takes() {
    let bench = Bench::new();
    let text = format!("cat <<'END'\n# a comment\nkey='{KEY}'\nA=\"one\ntwo\"\nOTHER=x\nEND");
    let more =
        "format = \"env\"\nrename = { SECRET_KEY = \"key\" }\nonly = [\"SECRET_KEY\", \"A\"]";
    let environment = exec(&bench, &text, more).run().environment();
    assert_eq!(environment["SECRET_KEY"], KEY);
    assert_eq!(environment["A"], "one\ntwo");
    assert!(!environment.contains_key("OTHER"));
}

/// Nothing of keybearer's own, and nothing to gain.
#[test]
fn it_runs_as_a_user_of_its_own_with_nothing() {
    let bench = Bench::new();
    let text = format!(
        r#"
        of() {{ sed -n "s/^$1:[[:space:]]*//p" /proc/self/status; }}
        echo "SECRET_KEY={KEY}"
        echo "SEEN_USER=$(id -un)"
        echo "SEEN_GROUPS='$(id -Gn)'"
        echo "SEEN_NNP=$(of NoNewPrivs)"
        echo "SEEN_CAPS=$(of CapPrm)$(of CapEff)$(of CapInh)$(of CapAmb)"
        echo "SEEN_NAMES='$(env | sed 's/=.*//' | sort | tr '\n' ' ')'"
        echo "SEEN_PATH=$PATH"
        echo "SEEN_HOME=$HOME"
        echo "SEEN_DIRECTORY=$(pwd)"
        echo "SEEN_INPUT=$(readlink /proc/$$/fd/0)"
        echo "SEEN_UMASK=$(umask)"
        echo "SEEN_LEADER=$(($(cut -d' ' -f6 /proc/$$/stat) == $$))"
        "#
    );
    let exec = exec(&bench, &text, "format = \"env\"\nuser = \"kbother\"");
    let environment = exec.env("VAULT_TOKEN", CANARY).run().environment();
    let seen = |name: &str| environment[&format!("SEEN_{name}")].as_str();
    assert_eq!(seen("USER"), other(&bench));
    if Mode::current().is_root() {
        assert_eq!(seen("GROUPS"), "kbother");
        assert_eq!(seen("HOME"), "/nonexistent");
    }
    assert_eq!((seen("NNP"), seen("CAPS")), ("1", "0".repeat(64).as_str()));
    assert_eq!(seen("NAMES").trim(), "HOME LOGNAME PATH PWD USER");
    assert_eq!(seen("PATH"), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    assert_eq!((seen("DIRECTORY"), seen("INPUT")), ("/", "/dev/null"));
    assert_eq!((seen("UMASK"), seen("LEADER")), ("0077", "1"));
}

#[test]
fn what_it_needs_of_the_environment_the_site_does_not_see() {
    let bench = Bench::new();
    let text = format!(
        r#"echo '{{"SECRET_KEY": "{KEY}", "GIVEN": "'$TOOL_TOKEN'", "NOT_GIVEN": "'$OTHER_TOKEN'"}}'"#
    );
    let with = |more: &str, config: &str| {
        script(&bench, "tool", &text);
        let config = format!("{}{config}", source(&["{dir}/tool"], more));
        exec_with(&bench, &config).env("TOOL_TOKEN", "t").env("OTHER_TOKEN", "o").run()
    };
    let environment = with("keep = [\"TOOL_TOKEN\", \"ABSENT\", \"HOME\"]", "").environment();
    assert_eq!((environment["GIVEN"].as_str(), environment["NOT_GIVEN"].as_str()), ("t", ""));
    assert!(!environment.contains_key("TOOL_TOKEN") && environment.contains_key("HOME"));
    assert_eq!(environment["OTHER_TOKEN"], "o");
    let both = with("keep = [\"TOOL_TOKEN\"]", "[environment]\nkeep = [\"TOOL_TOKEN\"]\n");
    assert_eq!(both.environment()["TOOL_TOKEN"], "t");
}

/// Each waits for the other: one after the other they would never end.
#[test]
fn commands_run_side_by_side() {
    let bench = Bench::new();
    let meeting = bench.path("meeting");
    std::fs::create_dir(&meeting).unwrap();
    std::fs::set_permissions(&meeting, std::os::unix::fs::PermissionsExt::from_mode(0o777))
        .unwrap();
    let meets = |own: &str, other: &str, name: &str, value: &str| {
        let dir = meeting.display();
        let wait = format!("touch {dir}/{own}; until [ -e {dir}/{other} ]; do sleep 0.02; done");
        script(&bench, own, &format!("{wait}; echo {name}={value}"));
    };
    meets("one", "two", "SECRET_KEY", KEY);
    meets("two", "one", "B", "b");
    let one = source(&["{dir}/one"], "format = \"env\"");
    let two = source(&["{dir}/two"], "format = \"env\"");
    let environment = exec_with(&bench, &format!("{one}{two}")).run().environment();
    assert_eq!((environment["SECRET_KEY"].as_str(), environment["B"].as_str()), (KEY, "b"));
}

/// `age -d -i KEY FILE`, of Debian's package.
#[test]
fn age_decrypts() {
    if !std::path::Path::new("/usr/bin/age").exists() {
        return skip("needs age");
    }
    let bench = Bench::new();
    let run = |program: &str, arguments: &[&str]| {
        let mut run = std::process::Command::new(program);
        run.args(arguments).current_dir(bench.dir()).output().unwrap()
    };
    run("/usr/bin/age-keygen", &["-o", "identity"]);
    let public = run("/usr/bin/age-keygen", &["-y", "identity"]).stdout;
    let public = String::from_utf8(public).unwrap();
    bench.file("plain", format!("SECRET_KEY={KEY}\n"), 0o600);
    run("/usr/bin/age", &["-r", public.trim(), "-o", "site.age", "plain"]);
    let owner = nix::unistd::User::from_name(&other(&bench)).unwrap().unwrap();
    let identity = bench.path("identity");
    std::os::unix::fs::chown(&identity, Some(owner.uid.as_raw()), None).unwrap();
    std::fs::remove_file(bench.path("plain")).unwrap();
    let words = ["/usr/bin/age", "-d", "-i", "{dir}/identity", "{dir}/site.age"];
    let more = "format = \"env\"\nuser = \"kbother\"";
    let environment = exec_with(&bench, &source(&words, more)).run().environment();
    assert_eq!(environment["SECRET_KEY"], KEY);

    // Another key says no, and in what words stays there.
    std::fs::remove_file(&identity).unwrap();
    run("/usr/bin/age-keygen", &["-o", "identity"]);
    std::os::unix::fs::chown(&identity, Some(owner.uid.as_raw()), None).unwrap();
    let refused = exec_with(&bench, &source(&words, more)).run().expect_code(1);
    refused
        .expect_stderr_contains(
            "keybearer: command '/usr/bin/age' ended with exit code 1; it wrote ",
        )
        .expect_nowhere("no identity");
}

#[test]
fn root_is_refused() {
    requires_root!();
    let bench = Bench::new();
    exec(&bench, "echo '{}'", "user = \"root\"").run().expect_refusal(
        78,
        "keybearer: command '{dir}/tool': refusing to run it as root: user 'root' has uid 0; name another in its [[source]]: user = \"USER\"",
    );
    exec(&bench, "echo '{}'", "user = \"kbnobody\"").run().expect_refusal(
        78,
        "keybearer: command '{dir}/tool': there is no user 'kbnobody'; make it: useradd --system kbnobody",
    );
}

#[test]
fn the_config_says_how() {
    let bench = Bench::new();
    for (text, line) in [
        (
            "argv = [\"sops\", \"-d\"]",
            "keybearer: '{dir}/site.toml':3:8: 'argv' in [[source]] of type \"command\": expected the program's absolute path as the first word, such as \"/usr/bin/sops\"",
        ),
        (
            "argv = \"/usr/bin/sops -d\"",
            "keybearer: '{dir}/site.toml':3:8: 'argv' in [[source]] of type \"command\": expected an array of words, such as [\"gunicorn\", \"config.wsgi:application\"], found a string; no shell reads it",
        ),
        (
            "format = \"yaml\"",
            "keybearer: '{dir}/site.toml':3:10: 'format' in [[source]] of type \"command\": expected \"json\" or \"env\"",
        ),
        (
            "format = \"json\"",
            "keybearer: '{dir}/site.toml':1:1: missing 'argv' in [[source]] of type \"command\"",
        ),
    ] {
        let config = format!("[[source]]\ntype = \"command\"\n{text}\n");
        exec_with(&bench, &config).run().expect_refusal(78, line);
    }
}
