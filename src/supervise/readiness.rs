use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, bind,
    getsockname, listen, recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, getpgid};

use super::RuntimeDirectory;
use super::prober::{Answer, Prober};

/// How it is known that a server serves.
#[derive(Debug)]
pub enum Readiness<'a> {
    /// It answers on its private socket.
    Probe(Prober),
    /// It says READY=1 on a socket of ours.
    Heard(&'a Heard),
    /// It can be neither asked nor heard: it must live so long.
    Settle { until: Instant },
    /// Nobody waits: a command that runs and ends.
    Nothing,
}

impl<'a> Readiness<'a> {
    pub fn settle(now: Instant, settle: Duration) -> Readiness<'a> {
        Readiness::Settle { until: now + settle }
    }

    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Readiness::Probe(prober) => prober.descriptor(),
            Readiness::Heard(heard) => Some(heard.socket.as_fd()),
            Readiness::Settle { .. } | Readiness::Nothing => None,
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Readiness::Probe(prober) => Some(prober.deadline()),
            Readiness::Settle { until } => Some(*until),
            Readiness::Heard(_) | Readiness::Nothing => None,
        }
    }

    /// Some(Good) when `process` is ready, Some(Bad) when it has just shown that it is not.
    pub fn advance(&mut self, process: Pid, now: Instant) -> Option<Answer> {
        match self {
            Readiness::Probe(prober) => prober.advance(now),
            Readiness::Heard(heard) => heard.is_ready(process).then_some(Answer::Good),
            Readiness::Settle { until } => (*until <= now).then_some(Answer::Good),
            Readiness::Nothing => None,
        }
    }

    /// For the status line: what is waited for.
    pub fn awaited(&self) -> String {
        match self {
            Readiness::Probe(prober) => format!("an answer to {}", prober.request().shown()),
            Readiness::Heard(_) => "its READY=1".to_owned(),
            Readiness::Settle { .. } => "it to settle".to_owned(),
            Readiness::Nothing => "its end".to_owned(),
        }
    }
}

/// The socket that only one generation listens on, so that only that generation can answer.
#[derive(Debug)]
pub struct ProbeSocket {
    socket: OwnedFd,
    path: PathBuf,
}

impl ProbeSocket {
    /// Only keybearer's own user can connect: the mode is 0600.
    pub fn open(directory: &RuntimeDirectory) -> Result<ProbeSocket, Errno> {
        let path = directory.path().join(format!("probe-{}.sock", nix::unistd::getpid()));
        let name = UnixAddr::new(&path)?;
        // What is there was left by a killed supervisor with the same process id.
        let _ = std::fs::remove_file(&path);
        let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        let before = umask(Mode::from_bits_truncate(0o177));
        let bound = bind(socket.as_raw_fd(), &name);
        umask(before);
        bound?;
        let probe = ProbeSocket { socket, path };
        listen(&probe.socket, Backlog::new(16)?)?;
        Ok(probe)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for ProbeSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for ProbeSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Where a server says READY=1. The name is the kernel's choice in the abstract namespace (unix(7),
/// autobind), so that no directory has to be opened to the site; the sender is known by SCM_CREDENTIALS.
#[derive(Debug)]
pub struct Heard {
    socket: OwnedFd,
    address: String,
}

impl Heard {
    pub fn open() -> Result<Heard, Errno> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
        setsockopt(&socket, sockopt::PassCred, &true)?;
        bind(socket.as_raw_fd(), &UnixAddr::new_unnamed())?;
        let name = getsockname::<UnixAddr>(socket.as_raw_fd())?;
        let name = name.as_abstract().ok_or(Errno::EADDRNOTAVAIL)?;
        let address = format!("@{}", String::from_utf8_lossy(name));
        Ok(Heard { socket, address })
    }

    /// For NOTIFY_SOCKET.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Reads what is there; true where `process` or one of its group said READY=1.
    fn is_ready(&self, process: Pid) -> bool {
        let mut ready = false;
        let mut buffer = [0; 4096];
        let mut control = nix::cmsg_space!(nix::sys::socket::UnixCredentials);
        loop {
            let mut parts = [IoSliceMut::new(&mut buffer)];
            let flags = MsgFlags::MSG_CMSG_CLOEXEC;
            let received =
                recvmsg::<UnixAddr>(self.socket.as_raw_fd(), &mut parts, Some(&mut control), flags);
            let Ok(message) = received else { return ready };
            let sender = message.cmsgs().ok().and_then(|mut all| {
                all.find_map(|part| match part {
                    ControlMessageOwned::ScmCredentials(who) => Some(Pid::from_raw(who.pid())),
                    _ => None,
                })
            });
            let length = message.bytes;
            let theirs = sender.is_some_and(|pid| {
                pid == process || getpgid(Some(pid)).is_ok_and(|group| group == process)
            });
            let says = buffer[..length].split(|b| *b == b'\n').any(|line| line == b"READY=1");
            ready |= theirs && says;
        }
    }
}
