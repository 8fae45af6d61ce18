use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use nix::unistd::geteuid;

use super::fields::Malformed;
use super::{ANSWER_LIMIT, Answer, Error, Peer, Request};
use crate::instance::Running;

/// Asks and waits, for as long as it takes: a round takes as long as the site takes to boot.
pub fn ask(instance: &Running, request: Request) -> Result<Answer, Error> {
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
    let line = read_line(stream).map_err(|failure| match failure {
        Failure::Gone => Error::Gone { name: name() },
        Failure::TooLong => Error::TooLong { name: name() },
    })?;
    Answer::parse(&line).map_err(|Malformed(field)| Error::Malformed { name: name(), field })
}

enum Failure {
    Gone,
    TooLong,
}

/// Up to the line break, which a whole answer has.
fn read_line(stream: UnixStream) -> Result<Vec<u8>, Failure> {
    let mut line = Vec::new();
    let read = stream.take(ANSWER_LIMIT as u64 + 1).read_to_end(&mut line);
    match line.iter().position(|byte| *byte == b'\n') {
        Some(end) => {
            line.truncate(end);
            Ok(line)
        }
        None if read.is_ok() && line.len() > ANSWER_LIMIT => Err(Failure::TooLong),
        None => Err(Failure::Gone),
    }
}
