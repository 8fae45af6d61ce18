use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// To the service manager. It does not read while it reloads, and its queue is short: what must not be
/// lost is said again until it is heard. unix(7), net.unix.max_dgram_qlen
#[derive(Debug)]
pub(super) struct Line {
    own: UnixDatagram,
    manager: SocketAddr,
    unsaid: RefCell<VecDeque<String>>,
    again_at: Cell<Option<Instant>>,
    pause: Cell<Duration>,
}

/// Nothing tells when there is room in a queue that is not connected. One that nobody reads any more is
/// asked less and less often.
const SOON: Duration = Duration::from_millis(100);
const SELDOM: Duration = Duration::from_secs(10);

impl Line {
    /// NOTIFY_SOCKET
    pub fn open(socket: &OsStr) -> Option<Line> {
        let own = UnixDatagram::unbound().ok()?;
        // A manager that does not read must not stop the supervisor.
        own.set_nonblocking(true).ok()?;
        let manager = address(socket)?;
        let (again_at, pause) = (Cell::new(None), Cell::new(SOON));
        Some(Line { own, manager, unsaid: RefCell::default(), again_at, pause })
    }

    /// Where it stands: that is heard, and in this order.
    pub fn tell(&self, message: String) {
        keep(&mut self.unsaid.borrow_mut(), message);
        self.pause.set(SOON);
        self.say_unsaid();
    }

    /// What is said again soon anyway.
    pub fn mention(&self, message: &str) {
        let _ = self.own.send_to_addr(message.as_bytes(), &self.manager);
    }

    /// Only while something was not heard.
    pub fn deadline(&self) -> Option<Instant> {
        self.again_at.get()
    }

    pub fn advance(&self, now: Instant) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.say_unsaid();
        }
    }

    fn say_unsaid(&self) {
        let mut unsaid = self.unsaid.borrow_mut();
        self.again_at.set(None);
        while let Some(message) = unsaid.front() {
            let sent = self.own.send_to_addr(message.as_bytes(), &self.manager);
            if sent.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                let pause = self.pause.get();
                self.again_at.set(Some(Instant::now() + pause));
                self.pause.set((pause * 2).min(SELDOM));
                return;
            }
            // Where there is no manager any more it would be in vain.
            unsaid.pop_front();
        }
    }
}

/// What it supersedes goes, so that there are never more than four. A manager that waits for a reload
/// waits for its RELOADING=1, which goes for a later one alone.
fn keep(unsaid: &mut VecDeque<String>, message: String) {
    let new = kind(&message);
    if new == "RELOADING"
        && let Some(place) = unsaid.iter().position(|old| kind(old) == new)
    {
        unsaid.truncate(place);
    }
    // Each of them tells the status too.
    while unsaid.back().is_some_and(|old| [new, "STATUS"].contains(&kind(old))) {
        unsaid.pop_back();
    }
    unsaid.push_back(message);
}

fn kind(message: &str) -> &str {
    message.split('=').next().unwrap_or_default()
}

/// A path, or `@` and a name in the abstract namespace.
fn address(socket: &OsStr) -> Option<SocketAddr> {
    match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(socket).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_superseded_is_not_said_any_more() {
        let mut unsaid = VecDeque::new();
        for (message, left) in [
            ("STATUS=starting", &["STATUS=starting"][..]),
            ("READY=1\nSTATUS=a", &["READY=1\nSTATUS=a"]),
            ("READY=1\nSTATUS=b", &["READY=1\nSTATUS=b"]),
            ("RELOADING=1\nAT=1", &["READY=1\nSTATUS=b", "RELOADING=1\nAT=1"]),
            ("STATUS=c", &["READY=1\nSTATUS=b", "RELOADING=1\nAT=1", "STATUS=c"]),
            ("READY=1", &["READY=1\nSTATUS=b", "RELOADING=1\nAT=1", "READY=1"]),
            ("RELOADING=1\nAT=2", &["READY=1\nSTATUS=b", "RELOADING=1\nAT=2"]),
            ("STOPPING=1", &["READY=1\nSTATUS=b", "RELOADING=1\nAT=2", "STOPPING=1"]),
        ] {
            keep(&mut unsaid, message.to_owned());
            assert_eq!(unsaid, left, "{message}");
        }
    }
}
