use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::{Pid, Uid};

/// Who is at the other end, as the kernel knows: SO_PEERCRED, unix(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub pid: Pid,
    pub uid: Uid,
}

impl Peer {
    pub(super) fn of(socket: &impl AsFd) -> Result<Peer, Errno> {
        let found = getsockopt(socket, sockopt::PeerCredentials)?;
        Ok(Peer { pid: Pid::from_raw(found.pid()), uid: Uid::from_raw(found.uid()) })
    }
}
