use std::fmt;
use std::io::{self, ErrorKind};

/// Why a request was not answered as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Nobody listens, or no such socket is there.
    Refused,
    /// Reset before the first byte of an answer.
    Reset,
    /// Closed before the first byte of an answer.
    Closed,
    /// Reset or closed in the middle of the answer.
    Short,
    TimedOut,
    /// Not the status that was asked for: 5xx, mostly.
    Status(u16),
    /// An answer, and not to this request.
    Wrong(String),
    Io(ErrorKind),
}

impl Fault {
    pub fn of_connecting(error: &io::Error) -> Fault {
        match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::NotFound => Fault::Refused,
            _ => Fault::of(error),
        }
    }

    pub fn of(error: &io::Error) -> Fault {
        match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Fault::Reset,
            // What a read with a time-out says: setsockopt SO_RCVTIMEO in socket(7).
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Fault::TimedOut,
            kind => Fault::Io(kind),
        }
    }

    /// The connection went away and nothing of an answer had come: on a connection that has
    /// answered before, RFC 9112 9.3.1 lets a client ask again, by a method that is safe to repeat.
    pub fn may_be_repeated(&self) -> bool {
        matches!(self, Fault::Reset | Fault::Closed)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Refused => f.write_str("refused"),
            Fault::Reset => f.write_str("reset"),
            Fault::Closed => f.write_str("closed without an answer"),
            Fault::Short => f.write_str("cut short"),
            Fault::TimedOut => f.write_str("timed out"),
            Fault::Status(status) => write!(f, "status {status}"),
            Fault::Wrong(what) => write!(f, "wrong answer: {what}"),
            Fault::Io(kind) => write!(f, "{kind}"),
        }
    }
}
