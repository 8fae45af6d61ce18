use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::poll::PollFlags;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket,
};
use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;

use super::connection::{Connection, Turn};
use super::{Answer, Peer, Request};
use crate::exit::Exit;
use crate::instance::SOCKET;

/// Peers at a time; more wait in the backlog.
const MOST: usize = 64;
/// Where there is no descriptor left for a peer, the next try is after this.
const PAUSE: Duration = Duration::from_secs(1);

/// The supervisor's end of the control socket. Nothing here waits for a peer.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
    connections: BTreeMap<Ticket, Connection>,
    next: u64,
    accept_at: Option<Instant>,
}

/// Who is to be answered; a number that is never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

impl Control {
    /// In a directory that this instance has the claim to: what is there was left by a killed one.
    pub fn open(directory: &Path) -> io::Result<Control> {
        let path = directory.join(SOCKET);
        let name = UnixAddr::new(&path)?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        let before = umask(Mode::from_bits_truncate(0o177));
        let bound = bind(socket.as_raw_fd(), &name);
        umask(before);
        bound?;
        let control = Control {
            listener: UnixListener::from(socket),
            path,
            connections: BTreeMap::new(),
            next: 0,
            accept_at: None,
        };
        listen(&control.listener, Backlog::MAXCONN)?;
        Ok(control)
    }

    /// What to wait for. Whatever comes of it, `advance` looks for itself.
    pub fn descriptors(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let accepts = self.connections.len() < MOST && self.accept_at.is_none();
        let listener = accepts.then(|| (self.listener.as_fd(), PollFlags::POLLIN));
        listener.into_iter().chain(self.connections.values().map(Connection::descriptor))
    }

    /// A peer that waits for its answer has none.
    pub fn deadline(&self) -> Option<Instant> {
        self.connections.values().filter_map(Connection::deadline).chain(self.accept_at).min()
    }

    /// Accepts, reads, writes, and drops who is late, too long or gone. What was asked is to be answered
    /// with its ticket, now or later.
    pub fn advance(&mut self, now: Instant) -> Vec<(Ticket, Request, Peer)> {
        let mut requests = self.look(now);
        self.accept(now);
        requests.extend(self.look(now));
        requests
    }

    /// Nothing where the peer has gone meanwhile.
    pub fn answer(&mut self, ticket: Ticket, answer: &Answer) {
        let Some(connection) = self.connections.get_mut(&ticket) else { return };
        if connection.answer(answer, Instant::now()) == Turn::Over {
            self.connections.remove(&ticket);
        }
    }

    fn look(&mut self, now: Instant) -> Vec<(Ticket, Request, Peer)> {
        let mut requests = Vec::new();
        self.connections.retain(|ticket, connection| match connection.advance(now) {
            Turn::Nothing => true,
            Turn::Over => false,
            Turn::Asked(Ok(request)) => {
                requests.push((*ticket, request, connection.peer));
                true
            }
            Turn::Asked(Err(bad)) => {
                connection.answer(&Answer::error(bad.exit(), &bad), now) == Turn::Nothing
            }
        });
        requests
    }

    fn accept(&mut self, now: Instant) {
        if self.accept_at.is_some_and(|at| at > now) {
            return;
        }
        self.accept_at = None;
        // One that is refused takes no place; so many at a time are looked at all the same.
        for _ in self.connections.len()..MOST {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream, now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // accept(2): it was gone before it was accepted.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::ConnectionAborted | ErrorKind::Interrupted
                    ) => {}
                Err(_) => {
                    self.accept_at = Some(now + PAUSE);
                    return;
                }
            }
        }
    }

    fn admit(&mut self, stream: UnixStream, now: Instant) {
        let Ok(peer) = Peer::of(&stream) else { return };
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        let mut connection = Connection::new(stream, peer, now);
        if !peer.uid.is_root() && peer.uid != geteuid() {
            let refusal = "refused: only root and the instance's own user are answered";
            connection.answer(&Answer::error(Exit::Refused, refusal), now);
            return;
        }
        self.next += 1;
        self.connections.insert(Ticket(self.next), connection);
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
