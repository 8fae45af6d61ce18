//! A running instance on its control socket.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::harness::{
    Account, Bench, Fifo, KEY, Mode, Running, eventually, proc, requires_root, requires_root_tests,
};

const OTHER: &str = "Aq3_7hTn-Vb1xKpLw9RsYc5JmGd0eFaUoXi2BtHk8NvQ4zCuMyW6EgSjDrPfAlO9";

fn serving(bench: &Bench) -> Running {
    let run =
        bench.with_config("run", "[ready]\nsettle = \"0s\"\n[reload]\nstrategy = \"restart\"\n");
    let running = run.args(["--", "/bin/sleep", "1000"]).spawn();
    running.wait_for_line("serving");
    running
}

#[track_caller]
fn status(bench: &Bench) -> Value {
    let said = bench.keybearer(["status", "--json"]).run().expect_code(0).expect_stderr("");
    serde_json::from_str(&said.expect_nowhere(KEY).expect_nowhere(OTHER).stdout).unwrap()
}

fn end(running: Running) {
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(143).expect_nowhere(KEY).expect_nowhere(OTHER);
}

#[test]
fn it_says_what_it_is() {
    let bench = Bench::new();
    let running = serving(&bench);
    let status = status(&bench);
    assert_eq!(status["name"], bench.name());
    assert_eq!(status["pid"], running.pid().as_raw());
    assert_eq!(status["keybearer"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["state"], "serving");
    assert_eq!(status["generation"], 1);
    assert_eq!(status["pids"], serde_json::json!([running.child_pid().as_raw()]));
    assert_eq!(status["strategy"], "restart");
    assert_eq!(status["key"]["fallbacks"], serde_json::json!([]));
    assert_eq!(status["hand-overs"]["ok"], 0);
    bench.keybearer(["status", "--check"]).run().expect_code(0);
    let text = bench.keybearer(["status"]).run().expect_code(0).expect_nowhere(KEY).stdout;
    assert!(text.contains("\nstate        serving since "), "{text}");
    end(running);
    bench.keybearer(["status"]).run().expect_code(69);
}

#[test]
fn its_socket_is_its_own() {
    let bench = Bench::new();
    let running = serving(&bench);
    let socket = bench.runtime_directory().join("control.sock");
    let found = fs::symlink_metadata(&socket).unwrap();
    assert!(found.file_type().is_socket());
    let owner = if Mode::current().is_root() { 0 } else { bench.site().uid };
    assert_eq!((found.mode() & 0o777, found.uid()), (0o600, owner));
    // Nor does the server hold it. What its loader opens goes again.
    eventually("the server has its three descriptors alone", || {
        proc::descriptors(running.child_pid()).into_keys().eq([0, 1, 2])
    });
    end(running);
    assert!(!bench.runtime_directory().exists());
}

#[test]
fn it_is_found_in_systemds_directory() {
    let bench = Bench::new();
    let unit = bench.path("unit");
    match Mode::current().is_root() {
        true => fs::create_dir(&unit).unwrap(),
        false => drop(bench.site_dir("unit")),
    }
    let run = bench.with_config("run", "[ready]\nsettle = \"0s\"\n");
    let run = run.args(["--", "/bin/sleep", "1000"]).env("RUNTIME_DIRECTORY", &unit).spawn();
    run.wait_for_line("serving");
    assert!(fs::symlink_metadata(unit.join("control.sock")).unwrap().file_type().is_socket());
    assert_eq!(status(&bench)["pid"], run.pid().as_raw());
    // As ExecReload= in the unit asks, where it may have no name.
    let inside = bench.keybearer(["reload"]).env("RUNTIME_DIRECTORY", &unit);
    inside.run().expect_code(0);
    end(run);
}

#[test]
fn reload_says_that_nothing_changed() {
    let bench = Bench::new();
    let running = serving(&bench);
    let server = running.child_pid();
    let said = bench.keybearer(["reload"]).run().expect_code(0).expect_stderr("").stdout;
    let start = format!("{}: nothing changed; generation 1 serves on, key ", bench.name());
    assert!(said.starts_with(&start), "{said}");
    assert_eq!(running.child_pid(), server);
    end(running);
}

#[test]
fn reload_waits_until_the_new_generation_serves() {
    let bench = Bench::new();
    let running = serving(&bench);
    let before = status(&bench)["key"]["current"].as_str().unwrap().to_owned();
    bench.env_file(&format!("SECRET_KEY={OTHER}\nADDED=1\n"));
    let said = bench.keybearer(["reload"]).run().expect_code(0).expect_stderr("").stdout;
    let after = status(&bench);
    let key = after["key"]["current"].as_str().unwrap();
    assert_ne!(before, key);
    assert_eq!(after["key"]["fallbacks"], serde_json::json!([before]));
    assert!(said.contains(&format!(", key {before} -> {key}: ")), "{said}");
    assert!(said.contains("SECRET_KEY changed") && said.contains("ADDED is new"), "{said}");
    let environment = proc::environ(running.child_pid());
    assert_eq!((environment["SECRET_KEY"].as_str(), environment["ADDED"].as_str()), (OTHER, "1"));
    end(running);
}

#[test]
fn a_reload_that_fails_says_why_and_the_old_generation_goes_on() {
    let bench = Bench::new();
    let running = serving(&bench);
    let server = running.child_pid();
    let file = bench.env_file("SECRET_KEY=short\n");
    let error = format!(
        "keybearer: SECRET_KEY: is shorter than 32 characters (in '{}'); make one with: keybearer key",
        file.display()
    );
    let failed = bench.keybearer(["reload"]).run().expect_code(78).expect_stdout("");
    failed.expect_stderr(&error.replace(bench.dir().to_str().unwrap(), "{dir}"));
    assert_eq!(running.child_pid(), server);
    assert_eq!(status(&bench)["generation"], 1);
    bench.keybearer(["status", "--check"]).run().expect_code(0);

    bench.file("site.env", format!("SECRET_KEY={KEY}\n"), 0o644);
    bench.keybearer(["reload"]).run().expect_code(77);
    bench.env_file(&format!("SECRET_KEY={KEY}\n"));
    bench.keybearer(["reload"]).run().expect_code(0);
    end(running);
}

#[test]
fn it_answers_while_it_starts_but_is_not_healthy() {
    let bench = Bench::new();
    let hold = Fifo::new(&bench, "hold");
    let script = format!("read line <{}", hold.path().display());
    let config = format!(
        "[ready]\nsettle = \"0s\"\n[reload]\nbefore = [[\"/bin/sh\", \"-c\", {script:?}]]\n"
    );
    let running = bench.with_config("run", &config).args(["--", "/bin/sleep", "1000"]).spawn();
    running.wait_for_line("running the 'before' command 1");
    let check = bench.keybearer(["status", "--check"]).run().expect_code(1);
    check.expect_stdout(&format!("{}: starting", bench.name()));
    hold.let_go();
    running.wait_for_line("serving");
    bench.keybearer(["status", "--check"]).run().expect_code(0);
    end(running);
}

/// Half requests, garbage and idle peers hold up nobody; more than may connect at a time wait.
#[test]
fn hostile_peers_hold_up_nobody() {
    let bench = Bench::new();
    let running = serving(&bench);
    let socket = bench.runtime_directory().join("control.sock");
    let connect = || {
        let stream = UnixStream::connect(&socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    };
    let mut idle: Vec<UnixStream> = (0..40).map(|_| connect()).collect();
    for peer in &mut idle[..10] {
        peer.write_all(b"{\"version\":1,\"comm").unwrap();
    }
    let says = |request: &[u8]| {
        let mut stream = connect();
        let _ = stream.write_all(request);
        let mut said = String::new();
        let _ = stream.read_to_string(&mut said);
        said
    };
    assert!(says(b"\x00\xff\n").contains("expected a request"));
    assert!(
        says(b"{\"version\":1,\"command\":\"halt\"}\n")
            .contains("does not know the request 'halt'")
    );
    assert!(says(b"{\"version\":9,\"command\":\"status\"}\n").contains("does not know version 9"));
    assert_eq!(says(&[b'x'; 5_000]), "");
    status(&bench);
    let more: Vec<UnixStream> = (0..160).map(|_| connect()).collect();
    status(&bench);
    drop((idle, more));
    bench.keybearer(["status", "--check"]).run().expect_code(0);
    end(running);
}

/// It can connect, since it may overrule modes; it is not answered.
#[test]
fn another_user_is_refused() {
    requires_root_tests!();
    requires_root!();
    let bench = Bench::new();
    let running = serving(&bench);
    let other = Account::other();
    let script = "import socket, sys\n\
        s = socket.socket(socket.AF_UNIX)\n\
        s.connect(sys.argv[1])\n\
        try: s.send(b'{\"version\":1,\"command\":\"reload\"}\\n')\n\
        except BrokenPipeError: pass\n\
        print(s.recv(4096).decode(), end='')";
    let socket = bench.runtime_directory().join("control.sock");
    let said = std::process::Command::new("/usr/bin/setpriv")
        .args([&format!("--reuid={}", other.uid), &format!("--regid={}", other.gid)])
        .args(["--clear-groups", "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--"])
        .args(["/usr/bin/python3", "-ISc", script])
        .arg(&socket)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&said.stderr);
    let answer = String::from_utf8_lossy(&said.stdout);
    assert!(answer.contains(r#""code":77,"message":"refused: "#), "{answer}{error}");
    end(running);
}

#[test]
fn a_killed_one_does_not_answer() {
    let bench = Bench::new();
    let running = serving(&bench);
    let child = running.child_pid();
    kill(running.pid(), Signal::SIGKILL).unwrap();
    eventually("it is gone", || running.has_ended());
    // It ends with its supervisor, or just before that.
    let _ = kill(child, Signal::SIGKILL);
    assert!(bench.runtime_directory().join("control.sock").exists());
    bench.keybearer(["status"]).run().expect_code(69);
    let again = serving(&bench);
    bench.keybearer(["status", "--check"]).run().expect_code(0);
    end(again);
}

/// Whoever waits for a reload learns of it.
#[test]
fn an_end_in_the_middle_of_a_reload_is_told() {
    let bench = Bench::new();
    let hold = Fifo::new(&bench, "hold");
    let script = format!("echo in the gate; read line <{}", hold.path().display());
    let config = format!("[reload]\nbefore = [[\"/bin/sh\", \"-c\", {script:?}]]\n");
    let run = bench.with_config("run", &format!("[ready]\nsettle = \"0s\"\n{config}"));
    let running = run.args(["--", "/bin/sleep", "1000"]).spawn();
    running.wait_for_stdout("in the gate");
    hold.let_go();
    running.wait_for_line("serving");
    bench.env_file(&format!("SECRET_KEY={KEY}\nADDED=1\n"));
    let reload = bench.keybearer(["reload"]).spawn();
    eventually("the gate of the round", || running.stdout().matches("in the gate").count() == 2);
    running.signal(Signal::SIGTERM);
    let code = reload.wait().code.unwrap();
    assert!(code == 69 || code == 1, "{code}");
    running.wait();
}

/// Both were there when the round began. A second round after it would be nobody's: what it takes over
/// nobody has asked for, and no line says so.
#[test]
fn two_that_ask_at_once_get_one_round() {
    let bench = Bench::new();
    let hold = Fifo::new(&bench, "hold");
    let gate = bench.path("gate");
    let script = format!(
        "[ ! -e {} ] || {{ echo in the gate; read line <{}; }}",
        gate.display(),
        hold.path().display()
    );
    let config = format!(
        "[ready]\nsettle = \"0s\"\n[reload]\nstrategy = \"restart\"\nbefore = [[\"/bin/sh\", \"-c\", {script:?}]]\n"
    );
    let running = bench.with_config("run", &config).args(["--", "/bin/sleep", "1000"]).spawn();
    running.wait_for_line("serving");
    fs::write(&gate, "").unwrap();
    bench.env_file(&format!("SECRET_KEY={KEY}\nA=2\n"));

    running.signal(Signal::SIGSTOP);
    let socket = bench.runtime_directory().join("control.sock");
    let peers: Vec<UnixStream> = (0..2)
        .map(|_| {
            let mut peer = UnixStream::connect(&socket).unwrap();
            peer.write_all(b"{\"version\":1,\"command\":\"reload\"}\n").unwrap();
            peer
        })
        .collect();
    running.signal(Signal::SIGCONT);
    running.wait_for_stdout("in the gate");
    // Meant for later.
    bench.env_file(&format!("SECRET_KEY={KEY}\nA=3\n"));
    fs::remove_file(&gate).unwrap();
    hold.let_go();
    for mut peer in peers {
        let mut answer = String::new();
        peer.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("\"generation\":2"), "{answer}");
    }
    assert_eq!(proc::environ(running.child_pid())["A"], "2");
    running.signal(Signal::SIGHUP);
    let line = running.wait_for_line("generation 3 took over");
    assert!(line.contains("(SIGHUP from pid"), "{line}");
    end(running);
}

/// Where nothing overlaps there are moments without a server.
#[test]
fn between_two_generations_it_tells_of_the_one_before() {
    let bench = Bench::new();
    let hold = Fifo::new(&bench, "hold");
    let script = format!(
        "trap 'echo told; read line <{}; exit 0' TERM; echo up; while :; do sleep 0.01; done",
        hold.path().display()
    );
    let config = "[ready]\nsettle = \"0s\"\n[reload]\nstrategy = \"restart\"\n";
    let run = bench.with_config("run", config).args(["--", "/bin/sh", "-c", &script]);
    let running = run.spawn();
    running.wait_for_stdout("up");
    running.wait_for_line("serving");
    bench.env_file(&format!("SECRET_KEY={KEY}\nA=2\n"));
    running.signal(Signal::SIGHUP);
    running.wait_for_stdout("told");
    hold.let_go();
    running.wait_for_line("generation 2 took over");
    eventually("the second is up", || running.stdout().matches("up").count() == 2);

    bench.env_file(&format!("SECRET_KEY={KEY}\nA=3\n"));
    running.signal(Signal::SIGHUP);
    eventually("the second was told", || running.stdout().matches("told").count() == 2);
    let between = status(&bench);
    assert_eq!(between["state"], "handing-over");
    assert_eq!(between["generation"], 2);
    hold.let_go();
    running.wait_for_line("generation 3 took over");
    eventually("the third is up", || running.stdout().matches("up").count() == 3);
    running.signal(Signal::SIGTERM);
    eventually("the third was told", || running.stdout().matches("told").count() == 3);
    hold.let_go();
    running.wait().expect_code(0);
}
