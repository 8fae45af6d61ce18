use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket,
};
use nix::sys::stat::{Mode, umask};

use super::Generation;
use crate::instance::RuntimeDirectory;

/// The socket that only one generation listens on, so that only that generation can answer.
#[derive(Debug)]
pub struct ProbeSocket {
    socket: OwnedFd,
    path: PathBuf,
}

impl ProbeSocket {
    /// Only keybearer's own user can connect: the mode is 0600.
    pub fn open(
        directory: &RuntimeDirectory,
        generation: Generation,
    ) -> Result<ProbeSocket, Errno> {
        let name = format!("probe-{}-{}.sock", nix::unistd::getpid(), generation.number());
        let path = directory.path().join(name);
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
