use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};

/// How long one question may take; a server that boots has it wait in the backlog.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between a refusal and the next question.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A status line is short; more is not read.
const STATUS_LINE_LIMIT: usize = 256;

/// What is asked, and what counts as an answer.
#[derive(Debug, Clone)]
pub struct Request {
    /// None: GET /, and any answer under 500 will do. Some: 2xx.
    path: Option<String>,
    bytes: Vec<u8>,
}

/// Asks the server on its private socket, one connection at a time, and never waits.
#[derive(Debug)]
pub struct Prober {
    socket: PathBuf,
    request: Request,
    state: State,
    pause: Duration,
}

#[derive(Debug)]
enum State {
    Waiting { until: Instant },
    Asked { stream: UnixStream, answer: Vec<u8>, until: Instant },
}

/// What one question came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Good,
    Bad(String),
}

impl Request {
    pub fn new(path: Option<&str>, headers: &BTreeMap<String, String>) -> Request {
        let mut text = format!("GET {} HTTP/1.1\r\n", path.unwrap_or("/"));
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("User-Agent: keybearer\r\nConnection: close\r\n\r\n");
        Request { path: path.map(str::to_owned), bytes: text.into_bytes() }
    }

    pub fn shown(&self) -> String {
        format!("GET {}", self.path.as_deref().unwrap_or("/"))
    }

    fn judge(&self, status: u16) -> Answer {
        let good = match self.path {
            Some(_) => (200..300).contains(&status),
            None => (100..500).contains(&status),
        };
        if good { Answer::Good } else { Answer::Bad(format!("it answered {status}")) }
    }
}

impl Prober {
    pub fn new(socket: &Path, request: Request, now: Instant) -> Prober {
        let state = State::Waiting { until: now };
        Prober { socket: socket.to_owned(), request, state, pause: FIRST_PAUSE }
    }

    pub fn request(&self) -> &Request {
        &self.request
    }

    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.state {
            State::Waiting { .. } => None,
            State::Asked { stream, .. } => Some(stream.as_fd()),
        }
    }

    pub fn deadline(&self) -> Instant {
        match self.state {
            State::Waiting { until } | State::Asked { until, .. } => until,
        }
    }

    /// Asks where it is time to ask, reads what is there to read; Some when a question is settled.
    pub fn advance(&mut self, now: Instant) -> Option<Answer> {
        let answer = match &mut self.state {
            State::Waiting { until } if *until > now => return None,
            State::Waiting { .. } => match self.ask() {
                Ok(stream) => {
                    self.state = State::Asked { stream, answer: Vec::new(), until: now + PATIENCE };
                    return None;
                }
                Err(error) => Answer::Bad(format!("cannot connect: {error}")),
            },
            State::Asked { stream, answer, until } => match read_status(stream, answer) {
                Some(Ok(status)) => self.request.judge(status),
                Some(Err(reason)) => Answer::Bad(reason.to_owned()),
                None if *until <= now => Answer::Bad("it did not answer".to_owned()),
                None => return None,
            },
        };
        self.state = State::Waiting { until: now + self.pause };
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Some(answer)
    }

    /// Not before `then` again, for a server that is asked now and then whether it lives.
    pub fn rest_until(&mut self, then: Instant) {
        self.state = State::Waiting { until: then };
        self.pause = FIRST_PAUSE;
    }

    /// connect(2) on a unix socket that does not block is done at once, or answers EAGAIN where the
    /// backlog is full; the request fits into the socket's buffer.
    fn ask(&self) -> Result<UnixStream, Errno> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        connect(socket.as_raw_fd(), &UnixAddr::new(&self.socket)?)?;
        let mut stream = UnixStream::from(socket);
        stream
            .write_all(&self.request.bytes)
            .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
        Ok(stream)
    }
}

/// Some when the status line is there or will never be.
fn read_status(stream: &mut UnixStream, answer: &mut Vec<u8>) -> Option<Result<u16, &'static str>> {
    let mut buffer = [0; STATUS_LINE_LIMIT];
    loop {
        if let Some(end) = answer.iter().position(|b| *b == b'\n') {
            return Some(parse_status(&answer[..end]).ok_or("it did not answer in HTTP"));
        }
        if answer.len() >= STATUS_LINE_LIMIT {
            return Some(Err("it did not answer in HTTP"));
        }
        match stream.read(&mut buffer) {
            Ok(0) => return Some(Err("it closed the connection")),
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Some(Err("it broke the connection")),
        }
    }
}

/// `HTTP/1.1 200 OK`; RFC 9112, section 4.
fn parse_status(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let rest = line.strip_prefix("HTTP/1.")?;
    let status = rest.split(' ').nth(1)?;
    (status.len() == 3).then(|| status.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines() {
        assert_eq!(parse_status(b"HTTP/1.1 200 OK\r"), Some(200));
        assert_eq!(parse_status(b"HTTP/1.0 503"), Some(503));
        for bad in
            [&b""[..], b"HTTP/1.1", b"HTTP/1.1 20 OK", b"SSH-2.0-x", b"HTTP/1.1 2x0 OK", b"\xff"]
        {
            assert_eq!(parse_status(bad), None);
        }
    }

    #[test]
    fn with_a_path_only_2xx_will_do() {
        let headers = BTreeMap::new();
        let any = Request::new(None, &headers);
        let path = Request::new(Some("/healthz"), &headers);
        assert_eq!(any.judge(404), Answer::Good);
        assert_eq!(any.judge(500), Answer::Bad("it answered 500".to_owned()));
        assert_eq!(path.judge(204), Answer::Good);
        assert_eq!(path.judge(301), Answer::Bad("it answered 301".to_owned()));
    }
}
