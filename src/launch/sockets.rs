use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrIn6, SockaddrLike,
    SockaddrStorage, UnixAddr, bind, getsockname, listen, setsockopt, socket, sockopt,
};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, getegid, geteuid, getgroups, getpid, setegid, seteuid, setgroups};

use crate::account::Account;
use crate::config::{Address, Listen};
use crate::exit::Exit;
use crate::sys;

/// As many as Gunicorn asks for by itself.
const BACKLOG: i32 = 2048;

/// The public sockets: bound here before privileges drop, or received from systemd. They outlive every
/// generation.
#[derive(Debug)]
pub struct Sockets {
    sockets: Vec<Socket>,
    account: Account,
}

#[derive(Debug)]
struct Socket {
    descriptor: OwnedFd,
    name: String,
    shown: String,
    /// What this process put into the file system, and takes away at the end.
    file: Option<SocketFile>,
}

#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error("cannot listen on {address}: in use; stop what holds it (ss -ltnxp shows it)")]
    InUse { address: Address },
    #[error(
        "cannot listen on {address}: permission denied; a port under 1024 needs root or CAP_NET_BIND_SERVICE, or let systemd hand the socket over"
    )]
    Port { address: Address },
    #[error(
        "cannot make the socket '{path}' as user '{user}': permission denied; its directory must be writable by that user, for example by RuntimeDirectory= or: install -d -o {user} '{directory}'"
    )]
    Directory { path: PathBuf, directory: PathBuf, user: String },
    #[error(
        "cannot make the socket '{path}': its directory is missing; make it: install -d -o {user} '{directory}'"
    )]
    NoDirectory { path: PathBuf, directory: PathBuf, user: String },
    #[error("cannot make the socket '{path}': something that is no socket is there; move it away")]
    NotASocket { path: PathBuf },
    #[error("cannot listen on {address}: {error}")]
    Bind { address: Address, error: Errno },
    #[error("cannot take on the ids of user '{user}' to make a socket: {error}")]
    Ids { user: String, error: Errno },
    #[error(
        "systemd says that it handed over {count} sockets, and they are not open; check the socket unit"
    )]
    Inherited { count: String },
}

impl SocketError {
    pub fn exit(&self) -> Exit {
        match self {
            SocketError::InUse { .. } | SocketError::Bind { .. } => Exit::Failure,
            SocketError::Port { .. } | SocketError::Directory { .. } | SocketError::Ids { .. } => {
                Exit::Refused
            }
            SocketError::NoDirectory { .. }
            | SocketError::NotASocket { .. }
            | SocketError::Inherited { .. } => Exit::Config,
        }
    }
}

impl Sockets {
    /// What systemd handed over, and nothing else. Asked once, before any descriptor is opened.
    pub fn inherited(
        environment: &BTreeMap<OsString, OsString>,
        account: &Account,
    ) -> Result<Sockets, SocketError> {
        let text =
            |name: &str| environment.get(std::ffi::OsStr::new(name)).and_then(|v| v.to_str());
        let mut sockets = Vec::new();
        let for_us = text("LISTEN_PID").and_then(|pid| pid.parse().ok()) == Some(getpid().as_raw());
        if let (true, Some(count)) = (for_us, text("LISTEN_FDS")) {
            let wrong = || SocketError::Inherited { count: count.to_owned() };
            let number = count.parse::<usize>().map_err(|_| wrong())?;
            let descriptors = sys::adopt(3, number).ok_or_else(wrong)?;
            let mut names = text("LISTEN_FDNAMES").unwrap_or_default().split(':');
            for descriptor in descriptors {
                let name = names.next().filter(|name| !name.is_empty()).unwrap_or("systemd");
                let shown = shown(&descriptor);
                sockets.push(Socket { descriptor, name: name.to_owned(), shown, file: None });
            }
        }
        Ok(Sockets { sockets, account: account.clone() })
    }

    /// Binds what was configured and not handed over.
    pub fn bind(&mut self, configured: &Listen) -> Result<(), SocketError> {
        for address in &configured.sockets {
            let shown = address.to_string();
            if self.sockets.iter().any(|socket| socket.shown == shown) {
                continue;
            }
            let (descriptor, file) = match address {
                Address::Tcp(tcp) => (bind_tcp(address, *tcp)?, None),
                Address::Unix(path) => {
                    let (descriptor, file) =
                        bind_unix(address, path, configured.mode, &self.account)?;
                    (descriptor, Some(file))
                }
            };
            self.sockets.push(Socket { descriptor, name: "web".to_owned(), shown, file });
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    pub fn len(&self) -> usize {
        self.sockets.len()
    }

    /// For messages.
    pub fn shown(&self) -> String {
        let all: Vec<&str> = self.sockets.iter().map(|socket| socket.shown.as_str()).collect();
        all.join(", ")
    }

    pub fn handed(&self) -> Vec<(BorrowedFd<'_>, String)> {
        self.sockets.iter().map(|s| (s.descriptor.as_fd(), s.name.clone())).collect()
    }
}

impl Drop for Sockets {
    /// Takes the socket files away that are still the ones made here.
    fn drop(&mut self) {
        let files: Vec<&SocketFile> = self.sockets.iter().filter_map(|s| s.file.as_ref()).collect();
        if files.is_empty() {
            return;
        }
        let _ = under_ids_of(&self.account, || {
            for file in files {
                let same = std::fs::symlink_metadata(&file.path)
                    .is_ok_and(|now| now.dev() == file.device && now.ino() == file.inode);
                if same {
                    let _ = std::fs::remove_file(&file.path);
                }
            }
        });
    }
}

fn shown(descriptor: &OwnedFd) -> String {
    let Ok(name) = getsockname::<SockaddrStorage>(descriptor.as_raw_fd()) else {
        return "a socket of systemd's".to_owned();
    };
    match name.as_unix_addr().map(UnixAddr::path) {
        Some(Some(path)) => format!("unix:{}", path.display()),
        Some(None) => "an abstract unix socket".to_owned(),
        None => name.to_string(),
    }
}

fn stream(family: AddressFamily) -> Result<OwnedFd, Errno> {
    socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)
}

fn listen_on<A: SockaddrLike>(socket: &OwnedFd, name: &A) -> Result<(), Errno> {
    bind(socket.as_raw_fd(), name)?;
    listen(socket, Backlog::new(BACKLOG)?)
}

fn bind_tcp(address: &Address, tcp: SocketAddr) -> Result<OwnedFd, SocketError> {
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

fn bind_unix(
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
            let made = std::fs::symlink_metadata(path).map_err(|e| super::privileges::errno(&e))?;
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
    })?
}

/// A socket file that nobody answers is what a killed supervisor left; one that is answered is in use.
fn remove_stale(address: &Address, path: &Path) -> Result<(), SocketError> {
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(SocketError::NotASocket { path: path.to_owned() });
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            // Where this fails, bind says why.
            let _ = std::fs::remove_file(path);
            Ok(())
        }
        Err(_) | Ok(_) => Err(SocketError::InUse { address: address.clone() }),
    }
}

/// Does `work` under the effective ids of the site, so that a socket is the site's and lies where the
/// site may write: root without DAC_OVERRIDE could neither make nor remove it. seteuid(2)
fn under_ids_of<T>(account: &Account, work: impl FnOnce() -> T) -> Result<T, SocketError> {
    if !account.switch {
        return Ok(work());
    }
    let failed = |error| SocketError::Ids { user: account.to_string(), error };
    let own = Ids { groups: getgroups().map_err(failed)?, gid: getegid(), uid: geteuid() };
    let result = own.exchange(account).map(|()| work());
    own.take_back();
    result.map_err(failed)
}

struct Ids {
    groups: Vec<Gid>,
    gid: Gid,
    uid: Uid,
}

impl Ids {
    fn exchange(&self, account: &Account) -> Result<(), Errno> {
        setgroups(&account.groups)?;
        setegid(account.gid)?;
        seteuid(account.uid)
    }

    /// A supervisor that stays somebody else would do the wrong things from here on.
    fn take_back(&self) {
        let taken = seteuid(self.uid).and(setegid(self.gid)).and(setgroups(&self.groups));
        if let Err(error) = taken {
            crate::log::error(format_args!("cannot take back its own ids: {error}; ending"));
            sys::exit_now(i32::from(Exit::Refused.code()));
        }
    }
}
