use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollTimeout, poll};
use nix::unistd::{Uid, geteuid, getpid};

use super::tests::status;
use super::*;
use crate::instance::{Running, SOCKET};

/// What no test takes on a machine under load.
const LONG: Duration = Duration::from_secs(30);

/// A directory of one test's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("kb-control-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Scratch(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join(SOCKET)
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }

    fn running(&self) -> Running {
        Running { name: "example".to_owned(), socket: self.socket(), owner: geteuid() }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn answer() -> Answer {
    Answer::Status(Box::new(status()))
}

fn says(stream: &mut UnixStream) -> String {
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    text
}

/// Waits as the supervisor does; true where something came before the deadline.
fn wait(control: &Control, until: Instant) -> bool {
    let deadline = control.deadline().map_or(until, |at| at.min(until));
    let left = deadline.saturating_duration_since(Instant::now()).as_millis() + 1;
    let timeout = PollTimeout::try_from(left).unwrap();
    let mut watched: Vec<PollFd> =
        control.descriptors().map(|(descriptor, flags)| PollFd::new(descriptor, flags)).collect();
    poll(&mut watched, timeout).unwrap() > 0
}

/// A loop as the supervisor's: `status` is answered at once, `reload` never, until it is told to end.
fn serve(mut control: Control) -> (Arc<AtomicBool>, JoinHandle<usize>) {
    let end = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&end);
    let thread = std::thread::spawn(move || {
        let mut turns = 0;
        while !told.load(Ordering::Relaxed) {
            wait(&control, Instant::now() + Duration::from_millis(20));
            turns += 1;
            for (ticket, request, peer) in control.advance(Instant::now()) {
                assert_eq!((peer.pid, peer.uid), (getpid(), geteuid()));
                if request == Request::Status {
                    control.answer(ticket, &answer());
                }
            }
        }
        turns
    });
    (end, thread)
}

/// The next request that comes.
fn next(control: &mut Control) -> (Ticket, Request, Peer) {
    let until = Instant::now() + LONG;
    while Instant::now() < until {
        wait(control, until);
        if let Some(request) = control.advance(Instant::now()).pop() {
            return request;
        }
    }
    panic!("nothing was asked");
}

#[test]
fn an_instance_is_asked_and_answers() {
    let scratch = Scratch::new("ask");
    let control = Control::open(&scratch.0).unwrap();
    let mode = fs::metadata(scratch.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (end, thread) = serve(control);
    for _ in 0..3 {
        assert_eq!(ask(&scratch.running(), Request::Status), Ok(answer()));
    }
    end.store(true, Ordering::Relaxed);
    thread.join().unwrap();
    assert!(!scratch.socket().exists(), "the socket was left behind");
    let error = ask(&scratch.running(), Request::Status).unwrap_err();
    assert_eq!(error, Error::Nobody { name: "example".to_owned() });
    assert_eq!(error.exit().code(), 69);
}

#[test]
fn what_a_killed_one_left_is_replaced() {
    let scratch = Scratch::new("stale");
    drop(UnixListener::bind(scratch.socket()).unwrap());
    drop(Control::open(&scratch.0).unwrap());
    std::os::unix::fs::symlink("/nowhere", scratch.socket()).unwrap();
    drop(Control::open(&scratch.0).unwrap());
    fs::create_dir(scratch.socket()).unwrap();
    assert!(Control::open(&scratch.0).is_err());
}

#[test]
fn a_slow_peer_is_heard_out_and_holds_up_nobody() {
    let scratch = Scratch::new("slow");
    let (end, thread) = serve(Control::open(&scratch.0).unwrap());
    let mut slow = scratch.connect();
    for byte in Request::Status.line().bytes() {
        slow.write_all(&[byte]).unwrap();
        assert_eq!(ask(&scratch.running(), Request::Status), Ok(answer()));
    }
    assert_eq!(says(&mut slow), answer().line());
    end.store(true, Ordering::Relaxed);
    thread.join().unwrap();
}

#[test]
fn garbage_is_answered_and_what_is_too_long_is_not() {
    let scratch = Scratch::new("garbage");
    let (end, thread) = serve(Control::open(&scratch.0).unwrap());
    let mut garbage = scratch.connect();
    garbage.write_all(b"\xff\x00\n").unwrap();
    let said = says(&mut garbage);
    assert!(
        said.contains(r#""error":{"code":64,"message":"expected a request, such as"#),
        "{said}"
    );

    // One byte less is a request yet.
    let mut long = vec![b' '; REQUEST_LIMIT];
    long[REQUEST_LIMIT - 1] = b'\n';
    let request = Request::Status.line();
    long[..request.len() - 1].copy_from_slice(&request.as_bytes()[..request.len() - 1]);
    let mut fits = scratch.connect();
    fits.write_all(&long).unwrap();
    assert_eq!(says(&mut fits), answer().line());
    long.insert(0, b' ');
    let mut over = scratch.connect();
    let _ = over.write_all(&long);
    assert_eq!(says(&mut over), "");

    let mut half = scratch.connect();
    half.write_all(b"{\"version\":1").unwrap();
    half.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(says(&mut half), "");
    end.store(true, Ordering::Relaxed);
    thread.join().unwrap();
}

/// The clock is given, so nobody waits for it.
#[test]
fn a_request_has_two_seconds_and_an_answer_as_long_as_it_takes() {
    let scratch = Scratch::new("late");
    let mut control = Control::open(&scratch.0).unwrap();
    let mut patient = scratch.connect();
    patient.write_all(Request::Reload.line().as_bytes()).unwrap();
    let (ticket, request, _) = next(&mut control);
    assert_eq!((request, control.deadline()), (Request::Reload, None));

    let mut silent = scratch.connect();
    silent.write_all(b"{").unwrap();
    let now = Instant::now();
    assert!(wait(&control, now + LONG));
    assert!(control.advance(now).is_empty());
    assert_eq!(control.deadline(), Some(now + Duration::from_secs(2)));
    control.advance(now + Duration::from_millis(1_999));
    assert_eq!(control.descriptors().count(), 3);
    control.advance(now + Duration::from_secs(2));
    assert_eq!((control.descriptors().count(), control.deadline()), (2, None));
    assert_eq!(says(&mut silent), "");

    control.advance(now + Duration::from_secs(100_000));
    control.answer(ticket, &answer());
    assert_eq!(says(&mut patient), answer().line());
    assert_eq!(control.descriptors().count(), 1);
    control.answer(ticket, &answer());
}

#[test]
fn one_that_hangs_up_is_forgotten() {
    let scratch = Scratch::new("gone");
    let mut control = Control::open(&scratch.0).unwrap();
    let mut peer = scratch.connect();
    peer.write_all(Request::Reload.line().as_bytes()).unwrap();
    let (ticket, ..) = next(&mut control);
    // Its own end only: it still waits for the answer, and that wakes nobody.
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(!wait(&control, Instant::now() + Duration::from_millis(20)));
    drop(peer);
    assert!(wait(&control, Instant::now() + LONG));
    assert!(control.advance(Instant::now()).is_empty());
    assert_eq!(control.descriptors().count(), 1);
    control.answer(ticket, &answer());
}

/// Longer than the socket's buffer: the rest is kept, and not for ever.
#[test]
fn an_answer_is_written_as_the_peer_reads() {
    let scratch = Scratch::new("long");
    let mut control = Control::open(&scratch.0).unwrap();
    let mut long = status();
    long.addresses = (0..40_000).map(|port| format!("127.0.0.1:{port}")).collect();
    let long = Answer::Status(Box::new(long));
    let mut peers = [scratch.connect(), scratch.connect()];
    let mut now = Instant::now();
    for peer in &mut peers {
        peer.write_all(Request::Status.line().as_bytes()).unwrap();
        let (ticket, ..) = next(&mut control);
        control.answer(ticket, &long);
        now = Instant::now();
    }
    assert_eq!(control.descriptors().count(), 3);
    let [mut reading, mut idle] = peers;
    let reader = std::thread::spawn(move || says(&mut reading));
    while control.descriptors().count() == 3 {
        wait(&control, now + LONG);
        control.advance(now);
    }
    assert_eq!(reader.join().unwrap(), long.line());
    control.advance(now + Duration::from_secs(10));
    assert_eq!(control.descriptors().count(), 1);
    assert!(says(&mut idle).len() < long.line().len());
}

#[test]
fn two_hundred_connections_are_served_in_turn() {
    let scratch = Scratch::new("many");
    let mut control = Control::open(&scratch.0).unwrap();
    let mut idle: Vec<UnixStream> = (0..200).map(|_| scratch.connect()).collect();
    let mut last = scratch.connect();
    last.write_all(Request::Status.line().as_bytes()).unwrap();
    let mut now = Instant::now();
    let mut most = 0;
    let answered = loop {
        if let Some((ticket, ..)) = control.advance(now).pop() {
            break ticket;
        }
        most = most.max(control.descriptors().count());
        // Full, and so nothing to wait for but the deadline.
        now = control.deadline().unwrap().max(now);
    };
    assert_eq!(most, 64);
    control.answer(answered, &answer());
    assert_eq!(says(&mut last), answer().line());
    assert_eq!(says(&mut idle[0]), "");
}

/// It could connect only because the mode was taken away here.
#[test]
fn another_user_is_refused() {
    if !geteuid().is_root() {
        return;
    }
    let scratch = Scratch::new("other");
    let mut control = Control::open(&scratch.0).unwrap();
    fs::set_permissions(scratch.socket(), fs::Permissions::from_mode(0o666)).unwrap();
    let script = "import socket, sys\n\
                  s = socket.socket(socket.AF_UNIX)\n\
                  s.connect(sys.argv[1])\n\
                  try: s.send(b'{\"version\":1,\"command\":\"reload\"}\\n')\n\
                  except BrokenPipeError: pass\n\
                  print(s.makefile().readline(), end='')";
    use std::os::unix::process::CommandExt;
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-ISc", script]).arg(scratch.socket()).uid(65_534).stdout(Stdio::piped());
    let child = python.spawn().unwrap();
    assert!(wait(&control, Instant::now() + LONG));
    assert!(control.advance(Instant::now()).is_empty());
    assert_eq!(control.descriptors().count(), 1);
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let refusal = "refused: only root and the instance's own user are answered";
    assert_eq!(
        said,
        format!("{{\"error\":{{\"code\":77,\"message\":\"{refusal}\"}},\"version\":1}}\n")
    );
}

/// Whoever listens there may be anybody.
#[test]
fn an_answer_is_believed_only_as_far_as_it_can_be() {
    let scratch = Scratch::new("client");
    let listener = UnixListener::bind(scratch.socket()).unwrap();
    let endless = vec![b'x'; ANSWER_LIMIT + 1];
    let name = || "example".to_owned();
    for (said, error) in [
        (&b""[..], Error::Gone { name: name() }),
        (b"{\"version\":1,", Error::Gone { name: name() }),
        (b"rubbish\n", Error::Malformed { name: name(), field: "JSON" }),
        (&endless, Error::TooLong { name: name() }),
    ] {
        std::thread::scope(|threads| {
            let answers = threads.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 64];
                let _ = stream.read(&mut request).unwrap();
                let _ = stream.write_all(said);
            });
            assert_eq!(ask(&scratch.running(), Request::Status), Err(error));
            answers.join().unwrap();
        });
    }
    for code in [
        Error::Gone { name: name() }.exit(),
        Error::TooLong { name: name() }.exit(),
        Error::Malformed { name: name(), field: "x" }.exit(),
    ] {
        assert_eq!(code.code(), 69);
    }
}

#[test]
fn nobody_stands_in_for_an_instance() {
    if !geteuid().is_root() {
        return;
    }
    let scratch = Scratch::new("impostor");
    fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o777)).unwrap();
    let script = "import socket, sys\n\
                  s = socket.socket(socket.AF_UNIX)\n\
                  s.bind(sys.argv[1])\n\
                  s.listen()\n\
                  print('ready', flush=True)\n\
                  sys.stdin.read()";
    use std::os::unix::process::CommandExt;
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-ISc", script]).arg(scratch.socket()).uid(65_534);
    let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = [0; 5];
    child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    let error = ask(&scratch.running(), Request::Reload).unwrap_err();
    assert_eq!(error, Error::Impostor { name: "example".to_owned(), uid: Uid::from_raw(65_534) });
    assert_eq!(error.exit().code(), 77);
    drop(child.stdin.take());
    child.wait().unwrap();
}
