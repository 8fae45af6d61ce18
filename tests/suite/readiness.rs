//! When the site counts as ready, and what the service manager is told meanwhile.

use nix::sys::signal::{Signal, kill};

use crate::harness::{
    Bench, Fifo, Invocation, NotifySocket, Request, Target, eventually, free_port, proc, venv,
};

/// Boots when it is let, answers as it is told, and says what it was asked.
const APP: &str = r#"
import os, sys
if "HOLD" in os.environ:
    open(os.environ["HOLD"]).readline()
def application(environ, start_response):
    asked = " ".join(environ.get(name, "-") for name in
                     ["REQUEST_METHOD", "PATH_INFO", "HTTP_HOST", "HTTP_X_FORWARDED_PROTO", "HTTP_USER_AGENT"])
    print("asked:", asked, flush=True)
    start_response(os.environ.get("ANSWER", "200 OK"), [("Location", "/elsewhere")])
    return [b"ok"]
"#;

/// Gunicorn with this app, heard on the notify socket; None without Python.
fn gunicorn<'a>(bench: &'a Bench, notify: &NotifySocket, config: &str) -> Option<Invocation<'a>> {
    let gunicorn = venv("gunicorn")?;
    bench.file("app.py", APP, 0o644);
    let run =
        bench.with_config("run", config).args(["--listen", &format!("127.0.0.1:{}", free_port())]);
    let run = run.arg("--").arg(gunicorn).args(["--no-control-socket", "app:application"]);
    Some(run.env("NOTIFY_SOCKET", notify.path()))
}

fn python<'a>(
    bench: &'a Bench,
    notify: &NotifySocket,
    config: &str,
    script: &str,
) -> Invocation<'a> {
    let run = bench.with_config("run", config).args(["--", "/usr/bin/python3", "-ISc", script]);
    run.env("NOTIFY_SOCKET", notify.path())
}

/// Gunicorn itself says READY=1 long before: it is its master who says so. A worker that has not loaded the
/// app cannot answer.
#[test]
fn a_site_that_boots_slowly_is_ready_when_it_answers() {
    let bench = Bench::new();
    let notify = NotifySocket::new(&bench);
    let hold = Fifo::new(&bench, "hold");
    let Some(run) = gunicorn(&bench, &notify, "[ready]\npath = \"/healthz\"\n") else { return };
    let running = run.env("HOLD", hold.path()).spawn();
    running.wait_for_line("Booting worker");
    let before = notify.received();
    assert_eq!(
        before[..2],
        ["STATUS=starting: waiting for an answer to GET /healthz", "EXTEND_TIMEOUT_USEC=30000000"]
    );
    assert!(!before.iter().any(|line| line == "READY=1"), "{before:?}");
    hold.let_go();
    notify.receive_until("READY=1", &running);
    let asked = running.wait_for_stdout("asked:");
    assert_eq!(asked, "asked: GET /healthz localhost https keybearer");
    running.wait_for_line("keybearer: serving on 127.0.0.1:");

    running.signal(Signal::SIGTERM);
    let end = notify.receive_until("STOPPING=1", &running);
    assert!(!end.iter().any(|line| line.starts_with("EXTEND")), "{end:?}");
    running.wait().expect_code(0);
}

#[test]
fn the_probe_names_a_host_that_the_site_allows() {
    let bench = Bench::new();
    let notify = NotifySocket::new(&bench);
    let config = "[ready]\nheaders = { X-Forwarded-Proto = \"http\", User-Agent = \"kube\" }\n";
    let Some(run) = gunicorn(&bench, &notify, config) else { return };
    bench.env_file(&format!(
        "SECRET_KEY={}\nALLOWED_HOSTS=.example.com,shop.example.com\n",
        crate::harness::KEY
    ));
    let running = run.spawn();
    notify.receive_until("READY=1", &running);
    let asked = running.wait_for_stdout("asked:");
    assert!(asked.starts_with("asked: GET / shop.example.com http "), "{asked}");
}

#[test]
fn what_is_no_answer_in_time_stops_the_site() {
    for (path, answer, last) in [
        ("", "500 Internal Server Error", "it answered 500"),
        ("path = \"/healthz\"\n", "503 Service Unavailable", "it answered 503"),
        ("path = \"/healthz\"\n", "301 Moved Permanently", "it answered 301"),
        ("path = \"/healthz\"\n", "404 Not Found", "it answered 404"),
    ] {
        let bench = Bench::new();
        let notify = NotifySocket::new(&bench);
        let config = format!("[ready]\nwithin = \"3s\"\n{path}");
        let Some(run) = gunicorn(&bench, &notify, &config) else { return };
        let running = run.env("ANSWER", answer).spawn();
        let told = notify.receive_until("STOPPING=1", &running);
        assert!(!told.iter().any(|line| line == "READY=1"), "{told:?}");
        let outcome = running.wait().expect_code(1);
        let stderr: Vec<&str> =
            outcome.stderr.lines().filter(|l| l.starts_with("keybearer: ")).collect();
        let expected = format!("keybearer: not ready within 3s (last: {last}); stopped it");
        assert_eq!(stderr.last(), Some(&expected.as_str()), "{}", outcome.stderr);
        assert!(stderr.contains(&"keybearer: stopping the server: not ready in time"));
    }
}

#[test]
fn any_answer_under_500_will_do_where_no_path_was_given() {
    let bench = Bench::new();
    let notify = NotifySocket::new(&bench);
    let Some(run) = gunicorn(&bench, &notify, "") else { return };
    let running = run.env("ANSWER", "404 Not Found").spawn();
    notify.receive_until("READY=1", &running);
}

#[test]
fn a_server_that_never_answers_is_stopped() {
    let bench = Bench::new();
    let notify = NotifySocket::new(&bench);
    let hold = Fifo::new(&bench, "hold");
    let Some(run) =
        gunicorn(&bench, &notify, "[ready]\nwithin = \"1s\"\n[reload]\ndrain = \"0s\"\n")
    else {
        return;
    };
    let outcome = run.env("HOLD", hold.path()).run().expect_code(1);
    let said: Vec<&str> = outcome.stderr.lines().filter(|l| l.starts_with("keybearer: ")).collect();
    assert_eq!(
        said.last(),
        Some(&"keybearer: not ready within 1s; stopped it"),
        "{}",
        outcome.stderr
    );
}

const ASGI: &str = r#"
async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    host = dict(scope["headers"]).get(b"host", b"-").decode()
    print("asked:", scope["path"], host, flush=True)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
"#;

/// It takes the private socket where its own options name it.
#[test]
fn hypercorn_is_asked() {
    let bench = Bench::new();
    let Some(hypercorn) = venv("hypercorn") else { return };
    bench.file("app.py", ASGI, 0o644);
    let notify = NotifySocket::new(&bench);
    let port = free_port();
    let run = bench.with_config("run", "[ready]\npath = \"/healthz\"\n");
    let run = run.args(["--listen", &format!("127.0.0.1:{port}"), "--"]).arg(hypercorn);
    let run = run.args(["--bind", "fd://3", "--bind", "fd://4", "app:application"]);
    let running = run.env("NOTIFY_SOCKET", notify.path()).spawn();
    let told = notify.receive_until("READY=1", &running);
    assert_eq!(told[0], "STATUS=starting: waiting for an answer to GET /healthz");
    assert_eq!(running.wait_for_stdout("asked:"), "asked: /healthz localhost");
    assert_eq!(Request::get("/").send(&Target::Loopback(port)).unwrap().status, 200);
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(0);
}

/// It takes one socket and cannot be asked on another; it ends by the signal that it was sent.
#[test]
fn uvicorn_must_live_for_a_while() {
    let bench = Bench::new();
    let Some(uvicorn) = venv("uvicorn") else { return };
    bench.file("app.py", ASGI, 0o644);
    let notify = NotifySocket::new(&bench);
    let port = free_port();
    let run = bench.with_config("run", "[ready]\nsettle = \"200ms\"\n");
    let run = run.args(["--listen", &format!("127.0.0.1:{port}"), "--"]).arg(uvicorn);
    let run = run.args(["--fd", "3", "app:application"]);
    let running = run.env("NOTIFY_SOCKET", notify.path()).spawn();
    let told = notify.receive_until("READY=1", &running);
    assert_eq!(told[0], "STATUS=starting: waiting for it to settle");
    assert_eq!(Request::get("/").send(&Target::Loopback(port)).unwrap().status, 200);
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(143);
}

#[test]
fn a_server_that_ends_before_it_is_ready_has_its_own_code() {
    let bench = Bench::new();
    let notify = NotifySocket::new(&bench);
    let outcome = python(&bench, &notify, "", "raise SystemExit(23)").run().expect_code(23);
    outcome
        .expect_stderr_contains("the server ended by itself before it was ready: exit code 23\n");
    assert!(!notify.received().iter().any(|line| line == "READY=1"));
}

const SAYS_READY: &str = r#"
import os, signal, socket, sys
def say(text):
    name = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), "\0" + name[1:] if name[0] == "@" else name)
"#;

/// As uWSGI: its own NOTIFY_SOCKET is keybearer's, never the service manager's.
#[test]
fn a_server_that_is_heard_is_ready_when_it_says_so() {
    for (kind, by) in
        [("uwsgi", "say('STATUS=x\\nREADY=1')"), ("notify", "os.fork() or say('READY=1')")]
    {
        let bench = Bench::new();
        let notify = NotifySocket::new(&bench);
        let hold = Fifo::new(&bench, "hold");
        let script = format!(
            "{SAYS_READY}\nprint(os.environ['NOTIFY_SOCKET'], flush=True)\nsay('STATUS=not yet')\n\
             open(os.environ['HOLD']).readline()\n{by}\nsignal.pause()"
        );
        let config = format!("[server]\nkind = \"{kind}\"\n[ready]\nsettle = \"0s\"\n");
        let running = python(&bench, &notify, &config, &script).env("HOLD", hold.path()).spawn();
        let own = running.wait_for_stdout("/");
        assert!(!own.contains(notify.path().to_str().unwrap()));
        let before = notify.received();
        assert_eq!(before[0], "STATUS=starting: waiting for its READY=1");
        assert!(!before.iter().any(|line| line == "READY=1"), "{before:?}");
        hold.let_go();
        let after = notify.receive_until("READY=1", &running);
        assert!(!after.iter().any(|line| line == "STATUS=x" || line == "STATUS=not yet"));
    }
}

/// The site's group can reach the socket, and somebody else in it may be no part of the server.
#[test]
fn a_ready_from_a_foreign_process_does_not_count() {
    let bench = Bench::new();
    let notify = NotifySocket::new(&bench);
    let hold = Fifo::new(&bench, "hold");
    let script = format!(
        "{SAYS_READY}\nprint(os.environ['NOTIFY_SOCKET'], flush=True)\n\
         open(os.environ['HOLD']).readline()\nsay('READY=1')\nsignal.pause()"
    );
    let config = "[server]\nkind = \"notify\"\n";
    let running = python(&bench, &notify, config, &script).env("HOLD", hold.path()).spawn();
    let address = running.wait_for_stdout("/");
    let forger =
        bench.program("/usr/bin/python3").args(["-ISc", &format!("{SAYS_READY}\nsay('READY=1')")]);
    forger.env("NOTIFY_SOCKET", &address).run().expect_code(0);
    // The forged one came first, so it has been judged when this HUP is: a server that counts as
    // ready has it fetched for at once.
    running.signal(Signal::SIGHUP);
    eventually("the forged message is read", || unread(&address) == Some(0));
    assert!(!notify.received().iter().any(|line| line == "READY=1"));
    assert!(!running.stderr().contains("nothing changed"), "{}", running.stderr());
    hold.let_go();
    notify.receive_until("READY=1", &running);
    running.wait_for_line("nothing changed");
}

/// How much waits in a socket of the abstract namespace: ss(8).
fn unread(address: &str) -> Option<u64> {
    let output = std::process::Command::new("/bin/ss").args(["-xaH"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.contains(address))?;
    line.split_whitespace().nth(2)?.parse().ok()
}

#[test]
fn a_server_that_can_be_neither_asked_nor_heard_must_live_for_a_while() {
    let bench = Bench::new();
    let notify = NotifySocket::new(&bench);
    let script = "import signal; signal.pause()";
    let running = python(&bench, &notify, "[ready]\nsettle = \"300ms\"\n", script).spawn();
    let told = notify.receive_until("READY=1", &running);
    assert_eq!(told[0], "STATUS=starting: waiting for it to settle");
    running.signal(Signal::SIGTERM);
    let told = notify.receive_until("STOPPING=1", &running);
    let status = notify.received();
    let said = told.iter().chain(&status).find(|line| line.starts_with("STATUS=stopping")).unwrap();
    let (pid, uid) = (nix::unistd::getpid(), nix::unistd::getuid());
    assert_eq!(*said, format!("STATUS=stopping: SIGTERM from pid {pid}, uid {uid}"));
    running.wait().expect_code(143);
}

#[test]
fn the_watchdog_is_fed_while_the_server_lives() {
    let bench = Bench::new();
    let notify = NotifySocket::new(&bench);
    let script = "import signal; signal.pause()";
    let run = python(&bench, &notify, "[ready]\nsettle = \"0s\"\n", script);
    let running = run.env("WATCHDOG_USEC", "100000").spawn();
    notify.receive_until("READY=1", &running);
    for _ in 0..3 {
        notify.receive_until("WATCHDOG=1", &running);
    }
}

#[test]
fn a_watchdog_for_another_process_is_not_fed() {
    let bench = Bench::new();
    let notify = NotifySocket::new(&bench);
    let script = "import signal; signal.pause()";
    let run = python(&bench, &notify, "[ready]\nsettle = \"500ms\"\n", script);
    let running = run.env("WATCHDOG_USEC", "1000").env("WATCHDOG_PID", "1").spawn();
    let told = notify.receive_until("READY=1", &running);
    assert!(!told.iter().any(|line| line == "WATCHDOG=1"), "{told:?}");
}

/// Three questions of five seconds each: this test takes its time.
#[test]
fn a_site_that_hangs_lets_the_watchdog_bite() {
    let bench = Bench::new();
    let notify = NotifySocket::new(&bench);
    let Some(run) = gunicorn(&bench, &notify, "[ready]\nliveness = true\n") else { return };
    let running = run.env("WATCHDOG_USEC", "200000").spawn();
    notify.receive_until("READY=1", &running);
    notify.receive_until("WATCHDOG=1", &running);

    for pid in proc::descendants(running.pid()) {
        kill(pid, Signal::SIGSTOP).unwrap();
    }
    notify.receive_until("STATUS=not answering", &running);
    running.wait_for_line("the server does not answer (it did not answer), 3 times in a row");
    // No WATCHDOG=1 in five times the interval. Nothing announces what does not happen.
    bench.program("/bin/sleep").arg("0.5").run().expect_code(0);
    for pid in proc::descendants(running.pid()) {
        kill(pid, Signal::SIGCONT).unwrap();
    }
    running.wait_for_line("the server answers again");
    let told = notify.receive_until("WATCHDOG=1", &running);
    let again = told.iter().position(|line| line.starts_with("STATUS=serving on ")).unwrap();
    let fed = told.iter().position(|line| line == "WATCHDOG=1").unwrap();
    assert!(again < fed, "{told:?}");
    assert!(!running.has_ended());
}
