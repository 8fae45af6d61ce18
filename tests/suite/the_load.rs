//! The load and the users of the harness see what they are there to see: nothing where nothing is
//! wrong, and every way in which a server can let a request down.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;

use nix::sys::signal::Signal;

use crate::harness::load::{Fault, Figures, Kind, Load, Mix};
use crate::harness::{Bench, KEY, Listen, Target, TestSite, Worker};

#[test]
fn a_gunicorn_that_is_left_alone_lets_no_request_down() {
    for (worker, mix) in [(Worker::Sync, Mix::GENTLE), (Worker::Gthread, Mix::BROAD)] {
        let bench = Bench::new();
        let Some(site) = TestSite::plain(&bench, worker, Listen::Unix) else { return };
        let gunicorn = site.bare(KEY).spawn();
        gunicorn.wait_for_line("Booting worker");
        let load = Load::start(site.target(), mix);
        load.progress_of_all();
        let figures = load.stop();
        figures.expect_none_failed().expect_masters(1);
        assert_eq!((figures.raced, figures.closed_between), (0, 0), "{figures}");
        gunicorn.signal(Signal::SIGTERM);
        gunicorn.wait().expect_code(0);
    }
}

/// What `systemctl restart` does to a site that binds its own socket.
#[test]
fn a_restart_is_seen() {
    let bench = Bench::new();
    let Some(site) = TestSite::plain(&bench, Worker::Sync, Listen::Tcp) else { return };
    let gunicorn = site.bare(KEY).spawn();
    gunicorn.wait_for_line("Booting worker");
    let load = Load::start(site.target(), Mix::GENTLE);
    load.progress(50);
    gunicorn.signal(Signal::SIGTERM);
    gunicorn.wait().expect_code(0);
    load.failures(10);
    let gunicorn = site.bare(KEY).spawn();
    gunicorn.wait_for_line("Booting worker");
    load.progress_of_all();
    let figures = load.stop();
    assert!(figures.failed(&Fault::Refused) > 0, "{figures}");
    figures.expect_masters(2);
}

/// A server that does the same to every request: the fault that each kind of client reports.
fn served_by(kind: Kind, treat: fn(TcpStream, u32)) -> Figures {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let target = Target::Loopback(listener.local_addr().unwrap().port());
    // Ends with the tests.
    thread::spawn(move || {
        for (stream, turn) in listener.incoming().zip(0..) {
            thread::spawn(move || treat(stream.unwrap(), turn));
        }
    });
    let load = Load::start(&target, Mix::only(kind));
    load.failures(1);
    load.stop()
}

fn read_request(stream: &TcpStream) {
    let lines = BufReader::new(stream).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.is_empty()));
}

#[track_caller]
fn expect_fault(kind: Kind, fault: &Fault, treat: fn(TcpStream, u32)) {
    let figures = served_by(kind, treat);
    assert!(figures.failed(fault) > 0, "{figures}");
    assert_eq!(figures.failures.len(), figures.failed(fault), "{figures}");
}

#[test]
fn a_close_without_an_answer_is_seen() {
    for kind in [Kind::New, Kind::KeptAlive, Kind::Idle] {
        expect_fault(kind, &Fault::Closed, |stream, _| read_request(&stream));
    }
}

/// What the kernel says for a server that closes with the request unread.
#[test]
fn a_reset_is_seen() {
    for kind in [Kind::New, Kind::KeptAlive, Kind::Idle, Kind::Slow] {
        expect_fault(kind, &Fault::Reset, |stream, _| {
            stream.peek(&mut [0]).unwrap();
        });
    }
}

/// Accepted and closed before a byte was sent: what a worker does that stops without a look into
/// its connections.
#[test]
fn a_connection_that_is_dropped_unread_is_seen() {
    let figures = served_by(Kind::Idle, |stream, _| drop(stream));
    assert!(!figures.failures.is_empty(), "{figures}");
    assert_eq!(figures.answered.get(&Kind::Idle), None, "{figures}");
}

#[test]
fn an_error_of_the_site_is_seen() {
    expect_fault(Kind::New, &Fault::Status(503), |mut stream, _| {
        read_request(&stream);
        stream.write_all(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
}

#[test]
fn half_an_answer_is_seen() {
    for kind in [Kind::New, Kind::KeptAlive, Kind::Slow] {
        expect_fault(kind, &Fault::Short, |mut stream, _| {
            read_request(&stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsmal").unwrap();
            // Without this a request body that is unread would turn the end into a reset.
            stream.shutdown(Shutdown::Write).unwrap();
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
    }
}

#[test]
fn another_answer_is_seen() {
    expect_fault(Kind::New, &Fault::Wrong("other".to_owned()), |mut stream, _| {
        read_request(&stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother").unwrap();
    });
}

/// Every second request of a kept-alive connection finds it closed in that moment.
#[test]
fn a_close_that_crosses_with_a_request_is_counted_by_itself() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let target = Target::Loopback(listener.local_addr().unwrap().port());
    thread::spawn(move || {
        for mut stream in listener.incoming().map(Result::unwrap) {
            read_request(&stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsmall").unwrap();
            read_request(&stream);
        }
    });
    let load = Load::start(&target, Mix::only(Kind::KeptAlive));
    load.progress(3);
    let figures = load.stop();
    figures.expect_none_failed();
    assert!(figures.raced > 0, "{figures}");
    assert_eq!(figures.closed_between, 0, "{figures}");
}

/// It closes after each answer, as a keep-alive time-out does: in sight of the client.
#[test]
fn a_close_between_two_requests_is_no_failure() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let target = Target::Loopback(listener.local_addr().unwrap().port());
    thread::spawn(move || {
        for mut stream in listener.incoming().map(Result::unwrap) {
            read_request(&stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsmall").unwrap();
        }
    });
    let load = Load::start(&target, Mix::only(Kind::KeptAlive));
    load.progress(3);
    let figures = load.stop();
    figures.expect_none_failed();
    assert!(figures.closed_between > 0, "{figures}");
    assert_eq!(figures.raced, 0, "{figures}");
}
