//! Many hosts on one document: at no moment does one sign with a key that another cannot verify.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Store, keybearer};
use crate::harness::{Bench, KEY, Mode, Running, eventually_within, once, show, venv};

const LONG: Duration = Duration::from_secs(300);

/// How many: the suite's number, or what tests/long wants. Each looks at the store every two seconds, and
/// all of them share the machine.
fn hosts() -> usize {
    match std::env::var("KEYBEARER_TEST_FLEET") {
        Ok(number) => number.parse().expect("KEYBEARER_TEST_FLEET is a number"),
        Err(_) => 50,
    }
}

/// One supervisor, with the server that signs and verifies.
struct Host {
    running: Running,
    socket: PathBuf,
}

fn host(bench: &Bench, store: &Store<'_>, source: &str, number: usize) -> Host {
    let socket = bench.path("sockets").join(format!("{number}.sock"));
    let user = if Mode::current().is_root() { "user = \"{user}\"\n" } else { "" };
    let python = venv("python").expect("found before");
    let config = bench.file(
        &format!("host-{number}.toml"),
        bench.fill(&format!(
            "command = [{python:?}, \"-B\", {:?}]\n{user}{source}\
             [server]\nkind = \"other\"\n[ready]\nsettle = \"1s\"\n[reload]\nstrategy = \"hand-over\"\n\
             [watch]\nevery = \"2s\"\n[listen]\nsockets = [\"unix:{}\"]\n",
            bench.path("signer.py"),
            socket.display()
        )),
        0o644,
    );
    let name = format!("{}-{number}", bench.name());
    let run = bench.keybearer(["run", "--config"]).arg(config).args(["--name", &name]);
    let running = store.with_variables(bench, run).spawn();
    Host { running, socket }
}

fn ask(socket: &Path, line: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    stream.write_all(format!("{line}\n").as_bytes()).ok()?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).ok()?;
    Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty())
}

/// Each in turn signs, and all the others verify, until it is told to end. How often, and what was bad.
fn ask_all(sockets: &[PathBuf], over: &AtomicBool, asked: &AtomicU64) -> Vec<String> {
    let mut bad = Vec::new();
    for (number, signer) in sockets.iter().enumerate().cycle() {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let Some(token) = ask(signer, "sign") else {
            bad.push(format!("host {number} did not sign"));
            continue;
        };
        for (other, socket) in sockets.iter().enumerate() {
            match ask(socket, &format!("verify {token}")).as_deref() {
                Some("good") => {}
                answer => {
                    bad.push(format!("host {other} says {answer:?} of what host {number} signed"))
                }
            }
            asked.fetch_add(1, Ordering::Relaxed);
        }
    }
    bad
}

#[test]
fn nobody_signs_with_a_key_that_another_cannot_verify() {
    once!();
    let bench = Bench::new();
    if venv("python").is_none() {
        return;
    }
    let Some(store) = Store::vault(&bench) else { return };
    store.seed(&[("SECRET_KEY", KEY)]);
    let script = bench.path("signer.py");
    fs::write(&script, include_str!("../../../site/signer.py")).unwrap();
    bench.site().owns(&script);
    bench.site_dir("sockets");
    let source = store.source(&bench, "");
    super::configured(&bench, &store, "", "[watch]\nevery = \"2s\"\n[keys]\ngrace = \"20s\"\n");
    let hosts: Vec<Host> =
        (0..hosts()).map(|number| host(&bench, &store, &source, number)).collect();
    for host in &hosts {
        host.running.wait_for_line("serving");
    }
    let sockets: Vec<PathBuf> = hosts.iter().map(|host| host.socket.clone()).collect();
    let (over, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    let bad = thread::scope(|scope| {
        let asking = scope.spawn(|| ask_all(&sockets, &over, &asked));
        rotate(&bench, &store, &["prepare"]);
        // Before it is due it is nobody's turn.
        eventually_within(LONG, "promoted", || {
            rotate(&bench, &store, &["--due"]);
            store.document()["SECRET_KEY"] != KEY
        });
        let document = store.document();
        assert_eq!(document["SECRET_KEY_FALLBACKS"], KEY);
        eventually_within(LONG, "retired", || {
            rotate(&bench, &store, &["--due"]);
            store.document().get("SECRET_KEY_FALLBACKS").is_none()
        });
        over.store(true, Ordering::Relaxed);
        asking.join().unwrap()
    });
    show(&format_args!(
        "{} hosts, {} signatures verified in {} s, {} bad",
        hosts.len(),
        asked.load(Ordering::Relaxed),
        began.elapsed().as_secs(),
        bad.len()
    ));
    assert_eq!(bad, [""; 0]);
    let new = store.document()["SECRET_KEY"].as_str().unwrap().to_owned();
    for host in &hosts {
        host.running.signal(nix::sys::signal::Signal::SIGTERM);
    }
    for host in hosts {
        host.running.wait().expect_code(0).expect_nowhere(KEY).expect_nowhere(&new);
    }
}

/// On another machine: it sees none of the hosts, and goes by the time that the document says.
fn rotate(bench: &Bench, store: &Store<'_>, words: &[&str]) {
    let words: Vec<&str> = ["rotate", "--blind"].iter().chain(words).copied().collect();
    let hidden = "mount -t tmpfs tmpfs /run && exec \"$0\" \"$@\"";
    keybearer(bench, store, &words)
        .through(["/usr/bin/unshare", "--mount", "/bin/sh", "-c", hidden])
        .run()
        .expect_code(0)
        .expect_nowhere(KEY);
}
