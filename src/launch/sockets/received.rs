use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{SockaddrStorage, UnixAddr, getsockname};
use nix::unistd::getpid;

use super::SocketError;
use super::socket::Socket;
use crate::sys;

/// What systemd handed over: sd_listen_fds(3).
#[derive(Debug, Default)]
pub struct Received(pub(super) Vec<Socket>);

impl Received {
    /// Asked once, and first of all: a descriptor that was opened before could be taken for one of them.
    pub fn take(environment: &BTreeMap<OsString, OsString>) -> Result<Received, SocketError> {
        let text = |name: &str| environment.get(OsStr::new(name)).and_then(|v| v.to_str());
        let for_us = text("LISTEN_PID").and_then(|pid| pid.parse().ok()) == Some(getpid().as_raw());
        let Some(count) = text("LISTEN_FDS").filter(|_| for_us) else {
            return Ok(Received::default());
        };
        let wrong = || SocketError::Inherited { count: count.to_owned() };
        let number = count.parse().map_err(|_| wrong())?;
        let descriptors = sys::adopt(3, number).ok_or_else(wrong)?;
        let mut names = text("LISTEN_FDNAMES").unwrap_or_default().split(':');
        let sockets = descriptors.into_iter().map(|descriptor| {
            let name = names.next().filter(|name| !name.is_empty()).unwrap_or("systemd");
            let shown = shown(&descriptor);
            Socket { descriptor, name: name.to_owned(), shown, file: None }
        });
        Ok(Received(sockets.collect()))
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
