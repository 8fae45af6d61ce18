use std::os::fd::OwnedFd;
use std::path::PathBuf;

#[derive(Debug)]
pub(super) struct Socket {
    pub descriptor: OwnedFd,
    pub name: String,
    pub shown: String,
    /// What this process put into the file system, and takes away at the end.
    pub file: Option<SocketFile>,
}

#[derive(Debug)]
pub(super) struct SocketFile {
    pub path: PathBuf,
    pub device: u64,
    pub inode: u64,
}
