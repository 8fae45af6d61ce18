use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrIn6, SockaddrLike, UnixAddr,
    bind, connect, listen, setsockopt, socket, sockopt,
};
use nix::sys::stat::{Mode, umask};

use super::SocketError;
use super::socket::SocketFile;
use crate::account::Account;
use crate::config::Address;
use crate::launch::ids::under_ids_of;
use crate::privileges::errno;

/// As many as Gunicorn asks for by itself.
const BACKLOG: i32 = 2048;

fn stream(family: AddressFamily) -> Result<OwnedFd, Errno> {
    socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)
}

fn listen_on<A: SockaddrLike>(socket: &OwnedFd, name: &A) -> Result<(), Errno> {
    bind(socket.as_raw_fd(), name)?;
    listen(socket, Backlog::new(BACKLOG)?)
}

pub(super) fn tcp(address: &Address, tcp: SocketAddr) -> Result<OwnedFd, SocketError> {
    let attempt = || -> Result<OwnedFd, Errno> {
        match tcp {
            SocketAddr::V4(v4) => {
                let socket = stream(AddressFamily::Inet)?;
                setsockopt(&socket, sockopt::ReuseAddr, &true)?;
                listen_on(&socket, &SockaddrIn::from(v4))?;
                Ok(socket)
            }
            SocketAddr::V6(v6) => {
                let socket = stream(AddressFamily::Inet6)?;
                setsockopt(&socket, sockopt::ReuseAddr, &true)?;
                listen_on(&socket, &SockaddrIn6::from(v6))?;
                Ok(socket)
            }
        }
    };
    attempt().map_err(|error| {
        let address = address.clone();
        match error {
            Errno::EADDRINUSE => SocketError::InUse { address },
            Errno::EACCES => SocketError::Port { address },
            error => SocketError::Bind { address, error },
        }
    })
}

pub(super) fn unix(
    address: &Address,
    path: &Path,
    mode: u32,
    account: &Account,
) -> Result<(OwnedFd, SocketFile), SocketError> {
    under_ids_of(account, || {
        remove_stale(address, path)?;
        let attempt = || -> Result<(OwnedFd, SocketFile), Errno> {
            let name = UnixAddr::new(path)?;
            let socket = stream(AddressFamily::Unix)?;
            // The mode is there from the first moment: unix(7), umask(2). One thread, so nothing
            // else can meet this mask.
            let before = umask(Mode::from_bits_truncate(!mode & 0o777));
            let bound = listen_on(&socket, &name);
            umask(before);
            bound?;
            let made = std::fs::symlink_metadata(path).map_err(|e| errno(&e))?;
            let file = SocketFile { path: path.to_owned(), device: made.dev(), inode: made.ino() };
            Ok((socket, file))
        };
        attempt().map_err(|error| {
            let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
            let (path, user) = (path.to_owned(), account.to_string());
            match error {
                Errno::EACCES | Errno::EROFS | Errno::EPERM => {
                    SocketError::Directory { path, directory, user }
                }
                Errno::ENOENT | Errno::ENOTDIR => {
                    SocketError::NoDirectory { path, directory, user }
                }
                Errno::EADDRINUSE => SocketError::InUse { address: address.clone() },
                error => SocketError::Bind { address: address.clone(), error },
            }
        })
    })
    .map_err(|error| SocketError::Ids { user: account.to_string(), error })?
}

/// A socket file that nobody answers is what a killed supervisor left; one that is answered is in use.
fn remove_stale(address: &Address, path: &Path) -> Result<(), SocketError> {
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(SocketError::NotASocket { path: path.to_owned() });
    }
    let path = path.to_owned();
    match answers(&path) {
        Err(Errno::ECONNREFUSED) => {
            // Where this fails, bind says why.
            let _ = std::fs::remove_file(&path);
            Ok(())
        }
        // EAGAIN: its backlog is full.
        Ok(()) | Err(Errno::EAGAIN) => Err(SocketError::InUse { address: address.clone() }),
        Err(Errno::ENOENT) => Ok(()),
        Err(error) => Err(SocketError::Unclear { path, error }),
    }
}

/// connect(2) without waiting: a server that hangs must not hang this one.
fn answers(path: &Path) -> Result<(), Errno> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)
}
