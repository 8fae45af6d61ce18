//! Servers other than Gunicorn, with what each of them can live with, under load.

use nix::sys::signal::Signal;

use crate::harness::load::{Connection, Fault, Figures, Kind, Load, Mix, Page};
use crate::harness::{Bench, Listen, Operated, TestSite, Worker, key, once, show, venv};

/// One process: of several, hypercorn ends the rest as soon as the first has ended, whatever they are at.
const HYPERCORN: [&str; 5] = ["--bind", "fd://3", "--bind", "fd://4", "asgi:application"];
const UVICORN: [&str; 3] = ["--fd", "3", "asgi:application"];

/// A new key by HUP under this load, with a request in flight when the old generation is told to end.
fn hup(server: &str, arguments: &[&str], more: &str, mix: Mix) -> Option<Figures> {
    let bench = Bench::new();
    let program = venv(server)?;
    let site = TestSite::plain(&bench, Worker::Sync, Listen::Tcp)?;
    let words = [program.to_str().unwrap()].into_iter().chain(arguments.iter().copied());
    let command: Vec<String> = words.map(str::to_owned).collect();
    let operated = Operated::start_command(&bench, &site, &command, more);
    let first = operated.generation();
    let load = Load::start(site.target(), mix);
    load.progress_of_all();
    let mut waiting = Connection::open(site.target()).unwrap();
    waiting.send(&Page::Work(2_000).request(false)).unwrap();
    load.progress(20);
    operated.replace_key(&key(1));
    operated.supervisor().signal(Signal::SIGHUP);
    let answer = match waiting.receive(None) {
        Ok(answer) => answer,
        Err(fault) => {
            panic!("in flight: {fault}\n{}\n{}", load.stop(), operated.supervisor().report())
        }
    };
    Page::Work(2_000).judge(&answer).unwrap();
    assert_eq!(answer.master(), u32::try_from(first.as_raw()).ok());
    operated.wait_for_generation("SECRET_KEY", &key(1));
    load.progress_of_all();
    let figures = load.stop();
    show(&figures.sums());
    operated.stop();
    Some(figures)
}

/// Both close at TERM every connection of which they have not read a whole request, and finish the
/// requests that they have. A supervisor cannot mend that, and `pause` would tell them the same way: a
/// proxy in front that connects when it has a request to send hides nearly all of it.
#[track_caller]
fn loses_unread_connections_alone(figures: &Figures) {
    let unread = |fault: &Fault| matches!(fault, Fault::Closed | Fault::Reset);
    assert!(figures.failures.iter().all(|failure| unread(&failure.fault)), "{figures}");
    let with_a_request = |kind| matches!(kind, Kind::New | Kind::KeptAlive);
    let raced = figures.failures.iter().filter(|failure| with_a_request(failure.kind)).count();
    // Accepted in the very moment of the TERM, and not read.
    assert!(raced <= 2, "{figures}");
}

#[test]
fn hypercorn_hands_over() {
    once!();
    let ready = "[ready]\npath = \"/healthz\"\n";
    let Some(figures) = hup("hypercorn", &HYPERCORN, ready, Mix::BROAD) else { return };
    loses_unread_connections_alone(figures.expect_masters(3));
}

#[test]
fn uvicorn_hands_over() {
    once!();
    let ready = "[ready]\nsettle = \"2s\"\n";
    let Some(figures) = hup("uvicorn", &UVICORN, ready, Mix::BROAD) else { return };
    loses_unread_connections_alone(figures.expect_masters(3));
}
