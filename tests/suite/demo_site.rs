//! The demo site, under keybearer and under Gunicorn alone: what goes wrong there is not
//! keybearer's doing.

use std::path::Path;

use nix::sys::signal::Signal;

use crate::harness::{Account, Bench, Browser, Demo, NotifySocket, Request, Target, free_port};

#[test]
fn it_logs_in_under_keybearer() {
    let bench = Bench::new();
    let Some(demo) = Demo::new(&bench) else {
        return;
    };
    let notify = NotifySocket::new(&bench);
    let port = free_port();
    let keybearer = bench
        .keybearer(["run", "--ready-path", "/healthz", "--env-file"])
        .arg(bench.env_file(&demo.env_text()))
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .user_flags()
        .arg("--")
        .args([demo.gunicorn().as_os_str(), "demo.wsgi:application".as_ref()])
        .cwd(demo.app())
        .env("NOTIFY_SOCKET", notify.path())
        .spawn();
    notify.receive_until("READY=1", &keybearer);
    logs_in(&demo, Target::Loopback(port));
    keybearer.signal(Signal::SIGTERM);
    keybearer.wait().expect_code(0).expect_nowhere(demo.key());
}

#[test]
fn it_logs_in_over_tcp() {
    let bench = Bench::new();
    let Some(demo) = Demo::new(&bench) else {
        return;
    };
    let port = free_port();
    let gunicorn = demo.bare_gunicorn(&format!("127.0.0.1:{port}")).spawn();
    gunicorn.wait_for_line("Booting worker");
    logs_in(&demo, Target::Loopback(port));
    gunicorn.signal(Signal::SIGTERM);
    gunicorn.wait().expect_code(0);
}

#[test]
fn it_logs_in_over_a_unix_socket() {
    let bench = Bench::new();
    let Some(demo) = Demo::new(&bench) else {
        return;
    };
    let socket = bench.site_dir("run").join("web.sock");
    let gunicorn = demo.bare_gunicorn(&format!("unix:{}", socket.display()));
    let gunicorn = gunicorn.env("DJANGO_SESSION_ENGINE", SIGNED_COOKIES).spawn();
    gunicorn.wait_for_line("Booting worker");
    logs_in(&demo, Target::Unix(socket));
}

const SIGNED_COOKIES: &str = "django.contrib.sessions.backends.signed_cookies";

fn logs_in(demo: &Demo, target: Target) {
    let health = Request::get("/healthz").send(&target).unwrap();
    assert_eq!((health.status, health.body.as_str()), (200, "ok"));

    let mut browser = Browser::new(target);
    assert_eq!(browser.signed_in_as().unwrap(), None);
    let refused = browser.log_in(Demo::USER, "not the password").unwrap();
    assert_eq!(refused.status, 200);
    let accepted = browser.log_in(Demo::USER, demo.password()).unwrap();
    assert_eq!(accepted.status, 302);
    assert_eq!(browser.signed_in_as().unwrap().as_deref(), Some(Demo::USER));
}

/// With `"".split(",")` the fallbacks would hold the empty key, and anybody could sign.
#[test]
fn it_has_no_fallback_where_the_variable_is_empty() {
    let bench = Bench::new();
    let Some(demo) = Demo::new(&bench) else {
        return;
    };
    let print = "from demo.settings import SECRET_KEY_FALLBACKS as f; print(f)";
    for (variable, list) in [("", "[]"), ("one,two", "['one', 'two']")] {
        let python = bench.program(demo.python()).by_site().cwd(demo.app()).args(["-c", print]);
        let variables = demo.environment().into_iter();
        let python = variables.fold(python, |python, (name, value)| python.env(name, value));
        let outcome = python.env("SECRET_KEY_FALLBACKS", variable).run();
        outcome.expect_code(0).expect_stdout(list);
    }
}

#[test]
fn its_database_is_out_of_reach_for_others() {
    crate::harness::requires_root!();
    let bench = Bench::new();
    let Some(_demo) = Demo::new(&bench) else {
        return;
    };
    let other = Account::other();
    let cat = bench.program(Path::new("/bin/cat")).arg(bench.path("data/db.sqlite3"));
    let wrapper = ["/usr/bin/setpriv", "--clear-groups"].map(str::to_owned).into_iter();
    let ids = [format!("--reuid={}", other.uid), format!("--regid={}", other.gid)];
    let outcome = cat.through(wrapper.chain(ids)).run();
    outcome.expect_code(1).expect_stderr("/bin/cat: {dir}/data/db.sqlite3: Permission denied");
}
