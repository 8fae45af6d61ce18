use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, UnixCredentials,
    bind, recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, getpgid, getpid};

use super::Generation;
use crate::account::Account;
use crate::instance::RuntimeDirectory;
use crate::launch::under_group_of;

/// So many messages are read at a time: whoever floods must not keep the supervisor from the rest.
const AT_ONCE: usize = 64;

/// Where a server says READY=1. Its group alone can reach the socket, and who of those spoke is known by
/// SCM_CREDENTIALS: unix(7).
#[derive(Debug)]
pub struct Heard {
    socket: OwnedFd,
    path: PathBuf,
}

impl Heard {
    pub fn open(
        directory: &RuntimeDirectory,
        generation: Generation,
        account: &Account,
    ) -> Result<Heard, Errno> {
        if account.switch && !directory.lets_through(account.gid) {
            return Err(Errno::EACCES);
        }
        let name = format!("notify-{}-{}.sock", getpid(), generation.number());
        let path = directory.path().join(name);
        let name = UnixAddr::new(&path)?;
        // What is there was left by a killed supervisor with the same process id.
        let _ = std::fs::remove_file(&path);
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
        setsockopt(&socket, sockopt::PassCred, &true)?;
        under_group_of(account, || {
            let before = umask(Mode::from_bits_truncate(0o117));
            let bound = bind(socket.as_raw_fd(), &name);
            umask(before);
            bound
        })??;
        Ok(Heard { socket, path })
    }

    /// For NOTIFY_SOCKET.
    pub fn address(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    /// Reads what is there; true where `process` or one of its group said READY=1.
    pub(super) fn is_ready(&self, process: Pid) -> bool {
        let mut ready = false;
        let mut buffer = [0; 4096];
        let mut control = nix::cmsg_space!(UnixCredentials);
        for _ in 0..AT_ONCE {
            let mut parts = [IoSliceMut::new(&mut buffer)];
            let flags = MsgFlags::MSG_CMSG_CLOEXEC;
            let received =
                recvmsg::<UnixAddr>(self.socket.as_raw_fd(), &mut parts, Some(&mut control), flags);
            let Ok(message) = received else { break };
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
        ready
    }
}

impl AsFd for Heard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
