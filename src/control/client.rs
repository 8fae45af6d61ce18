use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::unistd::geteuid;

use super::fields::Malformed;
use super::{ANSWER_LIMIT, Answer, Error, Peer, Request};
use crate::instance::Running;
use crate::timeout;

/// Asks and waits, for as long as it takes: a round takes as long as the site takes to boot.
pub fn ask(instance: &Running, request: Request) -> Result<Answer, Error> {
    let mut stream = send(instance, request)?;
    let mut heard = Vec::new();
    let read = (&mut stream).take(ANSWER_LIMIT as u64 + 1).read_to_end(&mut heard);
    answer(instance, heard, read.is_ok())
}

/// The same for one who has something else to listen to: `stop`, which tells by `is_over` whether the
/// answer is still wanted. None: it is not. Whoever has not answered within `within` is silent.
pub fn ask_unless(
    instance: &Running,
    request: Request,
    within: Option<Duration>,
    stop: impl AsFd,
    is_over: impl Fn() -> bool,
) -> Result<Option<Answer>, Error> {
    let until = within.map(|within| Instant::now() + within);
    let mut stream = send(instance, request)?;
    let mut heard = Vec::new();
    loop {
        if is_over() {
            return Ok(None);
        }
        if until.is_some_and(|until| until <= Instant::now()) {
            return Err(Error::Silent { name: instance.name.clone() });
        }
        let mut awaited = [
            PollFd::new(stream.as_fd(), PollFlags::POLLIN),
            PollFd::new(stop.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut awaited, timeout::until(until)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return Err(Error::Gone { name: instance.name.clone() }),
        }
        let has_said = awaited[0].revents().is_some_and(|events| !events.is_empty());
        if has_said {
            let mut buffer = [0; 16 * 1024];
            match stream.read(&mut buffer) {
                Ok(0) => return answer(instance, heard, true).map(Some),
                Ok(count) => heard.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return answer(instance, heard, false).map(Some),
            }
            if heard.contains(&b'\n') || heard.len() > ANSWER_LIMIT {
                return answer(instance, heard, true).map(Some);
            }
        }
    }
}

/// Connected to the instance itself, and the request is on its way.
fn send(instance: &Running, request: Request) -> Result<UnixStream, Error> {
    let name = || instance.name.clone();
    let mut stream = UnixStream::connect(&instance.socket).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => Error::NotPermitted { name: name() },
        _ => Error::Nobody { name: name() },
    })?;
    let peer = Peer::of(&stream).map_err(|_| Error::Nobody { name: name() })?;
    let own = geteuid();
    // Root may ask an instance that an ordinary user runs; nobody else may stand in for that user.
    let trusted =
        peer.uid.is_root() || peer.uid == own || (own.is_root() && peer.uid == instance.owner);
    if !trusted {
        return Err(Error::Impostor { name: name(), uid: peer.uid });
    }
    // One that refuses has answered before it reads.
    let _ = stream.write_all(request.line().as_bytes());
    Ok(stream)
}

/// Up to the line break, which a whole answer has.
fn answer(instance: &Running, mut heard: Vec<u8>, was_read: bool) -> Result<Answer, Error> {
    let name = || instance.name.clone();
    match heard.iter().position(|byte| *byte == b'\n') {
        Some(end) => heard.truncate(end),
        None if was_read && heard.len() > ANSWER_LIMIT => {
            return Err(Error::TooLong { name: name() });
        }
        None => return Err(Error::Gone { name: name() }),
    }
    Answer::parse(&heard).map_err(|Malformed(field)| Error::Malformed { name: name(), field })
}
