use std::path::PathBuf;

use nix::errno::Errno;

use crate::config::Address;
use crate::exit::Exit;

/// Why there is no listening socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error("cannot listen on {address}: in use; stop what holds it (ss -ltnxp shows it)")]
    InUse { address: Address },
    #[error(
        "cannot listen on {address}: permission denied; a port under 1024 needs root or CAP_NET_BIND_SERVICE, or let systemd hand the socket over"
    )]
    Port { address: Address },
    #[error(
        "cannot make the socket '{path}' as user '{user}': permission denied; its directory must be writable by that user; run: install -d -o {user} '{directory}'"
    )]
    Directory { path: PathBuf, directory: PathBuf, user: String },
    #[error(
        "cannot make the socket '{path}': its directory is missing; make it: install -d -o {user} '{directory}'"
    )]
    NoDirectory { path: PathBuf, directory: PathBuf, user: String },
    #[error("cannot make the socket '{path}': something that is no socket is there; move it away")]
    NotASocket { path: PathBuf },
    #[error(
        "cannot tell whether the socket '{path}' is in use: {error}; remove it if nothing listens there"
    )]
    Unclear { path: PathBuf, error: Errno },
    #[error("cannot listen on {address}: {error}")]
    Bind { address: Address, error: Errno },
    #[error("cannot take on the ids of user '{user}' to make a socket: {error}")]
    Ids { user: String, error: Errno },
    #[error(
        "systemd says that it handed over {count} sockets, and what is there is no socket; check the socket unit"
    )]
    Inherited { count: String },
}

impl SocketError {
    pub fn exit(&self) -> Exit {
        match self {
            SocketError::InUse { .. } | SocketError::Bind { .. } => Exit::Failure,
            SocketError::Port { .. }
            | SocketError::Directory { .. }
            | SocketError::Ids { .. }
            | SocketError::Unclear { .. } => Exit::Refused,
            SocketError::NoDirectory { .. }
            | SocketError::NotASocket { .. }
            | SocketError::Inherited { .. } => Exit::Config,
        }
    }
}
