//! One instance of a name, and how `status` and `reload` find it and believe it. The instance that
//! answers here is made up, so that it can answer anything.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

use crate::harness::{Bench, Invocation, Mode, Running, eventually, requires_root};

fn server(bench: &Bench) -> Invocation<'_> {
    bench.with_config("run", "[ready]\nsettle = \"0s\"\n").args(["--", "/bin/sleep", "1000"])
}

fn serving(invocation: Invocation<'_>) -> Running {
    let running = invocation.spawn();
    running.wait_for_line("serving");
    running
}

fn end(running: Running) {
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(143);
}

/// systemd's, for a unit.
fn unit_directory(bench: &Bench, name: &str) -> std::path::PathBuf {
    let path = bench.path(name);
    match Mode::current().is_root() {
        true => fs::create_dir(&path).unwrap(),
        false => drop(bench.site_dir(name)),
    }
    path
}

#[test]
fn a_second_one_of_a_name_is_refused_and_the_first_one_goes_on() {
    let bench = Bench::new();
    let first = serving(server(&bench));
    let refusal = format!(
        "keybearer: an instance named '{}' runs already (pid {}); stop it, or give this one another --name",
        bench.name(),
        first.pid()
    );
    server(&bench).run().expect_code(1).expect_stderr(&refusal).expect_stdout("");
    // As two units, each with a directory of its own.
    let unit = unit_directory(&bench, "unit");
    let second = server(&bench).env("RUNTIME_DIRECTORY", &unit);
    second.run().expect_code(1).expect_stderr(&refusal);
    assert_eq!(fs::read_dir(&unit).unwrap().count(), 0, "something was left behind");
    // `exec` and `check` are no instances.
    let check = bench.keybearer(["check", "--config"]).arg(bench.path("site.toml"));
    check.arg("--env-file").arg(bench.path("site.env")).user_flags().run().expect_code(0);
    bench.with_config("exec", "").args(["--", "/bin/true"]).run().expect_code(0);
    end(first);
    assert!(!bench.runtime_directory().exists(), "the runtime directory was left behind");
}

#[test]
fn the_name_of_a_killed_one_can_be_taken() {
    let bench = Bench::new();
    let first = serving(server(&bench));
    let child = first.child_pid();
    kill(first.pid(), Signal::SIGKILL).unwrap();
    eventually("it is gone", || first.has_ended());
    // It ends with its supervisor, or just before that.
    let _ = kill(child, Signal::SIGKILL);
    assert!(bench.runtime_directory().exists());
    end(serving(server(&bench)));
}

#[test]
fn the_well_known_directory_leads_to_the_units_own() {
    let bench = Bench::new();
    let unit = unit_directory(&bench, "unit");
    let running = serving(server(&bench).env("RUNTIME_DIRECTORY", &unit));
    let link = bench.runtime_directory().join("control.sock");
    assert_eq!(fs::read_link(&link).unwrap(), unit.join("control.sock"));
    end(running);
    assert!(!bench.runtime_directory().exists());
    assert_eq!(fs::read_dir(&unit).unwrap().count(), 0);
}

/// Holds the name and answers every request with the same line.
const INSTANCE: &str = "\
import fcntl, os, socket, sys
directory, line = sys.argv[1], sys.argv[2]
os.makedirs(directory, 0o755, exist_ok=True)
lock = open(directory + '/instance', 'w')
fcntl.lockf(lock, fcntl.LOCK_EX)
lock.write(f'{os.getpid()}\\n{os.path.basename(directory)}\\n')
lock.flush()
os.umask(0o177)
listener = socket.socket(socket.AF_UNIX)
listener.bind(directory + '/control.sock')
listener.listen()
print('ready', flush=True)
while True:
    peer, _ = listener.accept()
    print('asked', peer.makefile().readline(), end='', flush=True)
    try: peer.sendall(line.encode())
    except BrokenPipeError: pass
    peer.close()
";

fn instance<'a>(bench: &'a Bench, directory: &Path, line: &str) -> Invocation<'a> {
    let python = bench.program("/usr/bin/python3").args(["-ISc", INSTANCE]);
    python.arg(directory).arg(line)
}

fn answering(bench: &Bench, line: &str) -> Running {
    let running = instance(bench, &bench.runtime_directory(), line).spawn();
    running.wait_for_stdout("ready");
    running
}

fn status(state: &str) -> Value {
    json!({ "version": 1, "status": {
        "name": "example", "pid": 812, "keybearer": "0.1.0", "state": state, "generation": 3,
        "pids": [4711], "since": "2026-11-21T07:34:21Z", "strategy": "hand-over",
        "key": { "current": "0a1b2c3d", "fallbacks": ["4e5f6071"], "carried": [] },
        "sources": [], "hand-overs": { "ok": 4, "failed": 1 }, "restarts": 0,
        "started": "2026-11-21T07:34:21Z", "addresses": ["127.0.0.1:8000"], "later": true,
    }})
}

fn line(answer: &Value) -> String {
    format!("{answer}\n")
}

#[test]
fn the_status_in_every_form() {
    let bench = Bench::new();
    let running = answering(&bench, &line(&status("serving")));
    let ask = |arguments: &[&str]| bench.keybearer(["status"]).args(arguments).run();
    let text = ask(&[]).expect_code(0).expect_stderr("").stdout;
    for fact in [
        "example\nstate        serving since 2026-11-21T07:34:21Z (",
        "\nkey          0a1b2c3d\nfallbacks    4e5f6071\n",
        "\naddresses    127.0.0.1:8000\n",
    ] {
        assert!(text.contains(fact), "{text}");
    }
    assert_eq!(running.wait_for_stdout("asked"), r#"asked {"command":"status","version":1}"#);
    // By name, as an operator asks.
    let by_name = bench.keybearer(["status", bench.name(), "--json"]).nameless();
    let read: Value = serde_json::from_str(&by_name.run().expect_code(0).stdout).unwrap();
    assert_eq!((&read["version"], &read["generation"]), (&json!(1), &json!(3)));
    assert_eq!(read.get("later"), None);
    ask(&["--check"]).expect_code(0).expect_stdout("example: serving").expect_stderr("");
    let metrics = ask(&["--metrics"]).expect_code(0).stdout;
    assert!(metrics.contains("keybearer_generation{instance=\"example\"} 3\n"), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
}

#[test]
fn a_healthcheck_knows_0_and_1() {
    for (state, code) in [("starting", 1), ("serving", 0), ("handing-over", 0), ("stopping", 1)] {
        let bench = Bench::new();
        let _running = answering(&bench, &line(&status(state)));
        let check = bench.keybearer(["status", "--check"]).run().expect_code(code);
        check.expect_stdout(&format!("example: {state}")).expect_stderr("");
    }
    let bench = Bench::new();
    let nobody = format!(
        "keybearer: no instance named '{}' answers; start it, or ask as root or as the user that it runs as",
        bench.name()
    );
    bench.keybearer(["status", "--check"]).run().expect_code(1).expect_stderr(&nobody);
    for command in ["status", "reload"] {
        bench.keybearer([command]).run().expect_code(69).expect_stderr(&nobody).expect_stdout("");
    }
}

#[test]
fn what_reload_says() {
    let round = |outcome: &str| {
        json!({ "version": 1, "round": {
            "outcome": outcome, "generation": 4, "before": "0a1b2c3d", "after": "4e5f6071",
            "changed": ["DATABASE_URL changed"], "seconds": 2.5, "code": 78, "message": "one\ntwo",
        }})
    };
    for (outcome, code, stdout, stderr) in [
        (
            "handed-over",
            0,
            "{name}: generation 4 serves after 2.5s, key 0a1b2c3d -> 4e5f6071: DATABASE_URL changed",
            "",
        ),
        ("failed", 78, "", "keybearer: one\nkeybearer: two"),
    ] {
        let bench = Bench::new();
        let running = answering(&bench, &line(&round(outcome)));
        let reload = bench.keybearer(["reload"]).run().expect_code(code);
        reload.expect_stdout(&stdout.replace("{name}", bench.name())).expect_stderr(stderr);
        assert_eq!(running.wait_for_stdout("asked"), r#"asked {"command":"reload","version":1}"#);
    }
    let bench = Bench::new();
    let refused = json!({ "version": 1, "error": { "code": 75, "message": "no\u{1b}[2J" } });
    let _running = answering(&bench, &line(&refused));
    for command in ["reload", "status"] {
        bench.keybearer([command]).run().expect_code(75).expect_stderr("keybearer: no\u{fffd}[2J");
    }
}

/// It answers nonsense, too much, half of it, or what was not asked for.
#[test]
fn what_is_no_answer() {
    let serves = line(&status("serving"));
    for (said, why) in [
        (
            "rubbish\n",
            "answered with something that this keybearer does not understand ('JSON'); ask with the one that it runs",
        ),
        (
            "{\"version\":2}\n",
            "answered with something that this keybearer does not understand ('version'); ask with the one that it runs",
        ),
        ("", "ended before it answered; its log says why"),
        (serves.trim_end(), "ended before it answered; its log says why"),
        (
            &serves,
            "was asked for its reload and answered something else; ask with the keybearer that it runs",
        ),
    ] {
        let bench = Bench::new();
        let _running = answering(&bench, said);
        let error = format!("keybearer: '{}' {why}", bench.name());
        bench.keybearer(["reload"]).run().expect_code(69).expect_stderr(&error).expect_stdout("");
    }
}

#[test]
fn a_text_that_would_move_the_cursor_is_not_printed() {
    let bench = Bench::new();
    let mut hostile = status("serving");
    hostile["status"]["document"] = json!("\u{1b}]0;title\u{7}\n\u{202e}");
    hostile["status"]["name"] = json!("a\"b\u{1b}");
    let _running = answering(&bench, &line(&hostile));
    for form in [&[][..], &["--json"], &["--check"], &["--metrics"]] {
        let said = bench.keybearer(["status"]).args(form).run().expect_code(0).stdout;
        assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{said:?}");
    }
}

#[test]
fn the_only_one_needs_no_name() {
    if Mode::current().is_root() {
        return crate::harness::skip("needs an ordinary user");
    }
    let bench = Bench::new();
    let ask = || bench.keybearer(["status", "--check"]).nameless().run();
    ask().expect_code(1).expect_stderr(
        "keybearer: no instance runs here; start one: keybearer run, or ask as the user that it runs as",
    );
    let _first = answering(&bench, &line(&status("serving")));
    ask().expect_code(0);
    let other = bench.runtime_directory().with_file_name("another");
    let other = instance(&bench, &other, &line(&status("serving"))).spawn();
    other.wait_for_stdout("ready");
    let several = format!("keybearer: several instances run: another, {}; name one", bench.name());
    ask().expect_code(1).expect_stderr(&several).expect_stdout("");
    drop(other);
    // Killed, it leaves its files and no claim.
    eventually("it is gone", || ask().code == Some(0));
}

#[test]
fn several_are_named() {
    let benches = [Bench::new(), Bench::new()];
    let _running = benches.each_ref().map(|bench| answering(bench, &line(&status("serving"))));
    if Mode::current().is_root() {
        let said = benches[0].keybearer(["reload"]).nameless().run().expect_code(64).stderr;
        assert!(said.starts_with("keybearer: several instances run: "), "{said}");
        for bench in &benches {
            assert!(said.contains(bench.name()), "{said}");
        }
    }
    for bench in &benches {
        bench.keybearer(["status", bench.name()]).nameless().run().expect_code(0);
    }
}

/// As where a unit keeps `User=`: root may ask it, and its owner alone may answer.
#[test]
fn root_asks_the_instance_of_another_user() {
    requires_root!();
    let bench = Bench::new();
    let directory = bench.runtime_directory();
    fs::create_dir_all(&directory).unwrap();
    bench.site().owns(&directory);
    let running = instance(&bench, &directory, &line(&status("serving"))).by_site().spawn();
    running.wait_for_stdout("ready");
    let socket = directory.join("control.sock");
    assert!(fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
    let asked = bench.keybearer(["status", "--check"]).run();
    match Mode::current() {
        Mode::Root => drop(asked.expect_code(0).expect_stdout("example: serving")),
        // Without DAC_OVERRIDE it cannot connect.
        Mode::Three | Mode::User => {
            let error = format!(
                "keybearer: not permitted to ask '{}'; ask as root or as the user that it runs as",
                bench.name()
            );
            asked.expect_code(1).expect_stderr(&error);
        }
    }
    drop(running);
    let _ = fs::remove_dir_all(&directory);
}

/// Another user's process sits on the socket of root's instance.
#[test]
fn nobody_else_may_answer() {
    requires_root!();
    let bench = Bench::new();
    let directory = bench.runtime_directory();
    fs::create_dir_all(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
    let running = instance(&bench, &directory, &line(&status("serving"))).by_site().spawn();
    running.wait_for_stdout("ready");
    bench.program("/bin/chown").args(["0:0"]).arg(directory.join("control.sock")).run();
    if Mode::current() == Mode::Root {
        let error = format!(
            "keybearer: whoever listens for '{}' is neither root nor the user that it runs as, but uid {1}; see what that is: ps -u {1}",
            bench.name(),
            bench.site().uid
        );
        bench.keybearer(["status"]).run().expect_code(77).expect_stderr(&error);
        let asked = running.stdout();
        assert!(!asked.contains("asked {"), "it was told what was wanted: {asked}");
    }
    drop(running);
    let _ = fs::remove_dir_all(&directory);
}
