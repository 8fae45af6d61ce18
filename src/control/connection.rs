use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{MsgFlags, send};

use super::request::BadRequest;
use super::{Answer, Peer, REQUEST_LIMIT, Request};

/// A whole request is there by then. It is one short line of a program's.
const PATIENCE: Duration = Duration::from_secs(2);
/// So long the answer is kept for a peer that does not read it.
const READING: Duration = Duration::from_secs(10);

/// One peer, from its request to its answer.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    pub peer: Peer,
    state: State,
}

#[derive(Debug)]
enum State {
    Asking { said: Vec<u8>, until: Instant },
    Waiting,
    Told { rest: Vec<u8>, until: Instant },
}

/// What a look at a connection has brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Nothing,
    Asked(Result<Request, BadRequest>),
    /// Nothing more will come of it.
    Over,
}

impl Connection {
    /// The stream does not block.
    pub fn new(stream: UnixStream, peer: Peer, now: Instant) -> Connection {
        let state = State::Asking { said: Vec::new(), until: now + PATIENCE };
        Connection { stream, peer, state }
    }

    pub fn descriptor(&self) -> (BorrowedFd<'_>, PollFlags) {
        let awaited = match self.state {
            State::Asking { .. } => PollFlags::POLLIN,
            // poll(2) tells of a peer that hung up whatever is asked for.
            State::Waiting => PollFlags::empty(),
            State::Told { .. } => PollFlags::POLLOUT,
        };
        (self.stream.as_fd(), awaited)
    }

    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Asking { until, .. } | State::Told { until, .. } => Some(until),
            State::Waiting => None,
        }
    }

    pub fn advance(&mut self, now: Instant) -> Turn {
        let turn = match &mut self.state {
            State::Asking { said, .. } => hear(&mut self.stream, said),
            State::Waiting if has_hung_up(&self.stream) => Turn::Over,
            State::Waiting => Turn::Nothing,
            State::Told { rest, .. } => tell(&self.stream, rest),
        };
        if let Turn::Asked(_) = turn {
            self.state = State::Waiting;
        }
        match turn {
            Turn::Nothing if self.deadline().is_some_and(|until| until <= now) => Turn::Over,
            turn => turn,
        }
    }

    /// As much of it as the peer's buffer takes; the rest as it reads.
    pub fn answer(&mut self, answer: &Answer, now: Instant) -> Turn {
        let mut rest = answer.line().into_bytes();
        let turn = tell(&self.stream, &mut rest);
        self.state = State::Told { rest, until: now + READING };
        turn
    }
}

fn hear(stream: &mut UnixStream, said: &mut Vec<u8>) -> Turn {
    let mut buffer = [0; REQUEST_LIMIT];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Turn::Over,
            Ok(count) => said.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Turn::Nothing,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Turn::Over,
        }
        // One request a connection: what comes after it is not looked at.
        match said.iter().position(|byte| *byte == b'\n') {
            Some(end) if end < REQUEST_LIMIT => return Turn::Asked(Request::parse(&said[..end])),
            None if said.len() < REQUEST_LIMIT => {}
            Some(_) | None => return Turn::Over,
        }
    }
}

/// Not write(2): that would raise SIGPIPE where the peer is gone.
fn tell(stream: &UnixStream, rest: &mut Vec<u8>) -> Turn {
    while !rest.is_empty() {
        match send(stream.as_raw_fd(), rest, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT) {
            Ok(count) => drop(rest.drain(..count)),
            Err(Errno::EAGAIN) => return Turn::Nothing,
            Err(Errno::EINTR) => {}
            Err(_) => return Turn::Over,
        }
    }
    Turn::Over
}

fn has_hung_up(stream: &UnixStream) -> bool {
    let mut look = [nix::poll::PollFd::new(stream.as_fd(), PollFlags::empty())];
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR;
    nix::poll::poll(&mut look, nix::poll::PollTimeout::ZERO).is_ok()
        && look[0].revents().is_some_and(|found| found.intersects(gone))
}
