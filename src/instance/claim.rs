use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg, OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, getpid};

use super::RuntimeDirectory;

const FILE: &str = "instance";
/// More than every address that one unit will have.
const LIMIT: u64 = 64 * 1024;

/// The mark of a running instance: a file in its runtime directory that is locked as long as the
/// supervisor lives, however it ends. flock(2)
#[derive(Debug)]
pub struct Instance {
    path: PathBuf,
    _lock: Flock<File>,
}

impl Instance {
    /// None where another instance of this name has its mark there, or the directory takes no file:
    /// the mark only helps `check` to tell whose a used address is.
    pub fn mark(directory: &RuntimeDirectory, addresses: &[&str]) -> Option<Instance> {
        let path = directory.path().join(FILE);
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let file = File::from(open(&path, flags, Mode::from_bits_truncate(0o600)).ok()?);
        let mut lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()?;
        lock.set_len(0).ok()?;
        writeln!(lock, "{}\n{}", getpid(), addresses.join("\n")).ok()?;
        Some(Instance { path, _lock: lock })
    }

    /// The supervisor of the instance of this name that listens on `address`, if one does.
    pub fn listening(
        address: &str,
        name: &str,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Option<Pid> {
        RuntimeDirectory::places(name, environment)
            .into_iter()
            .find_map(|place| listening_by(&place.join(FILE), address))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn listening_by(path: &Path, address: &str) -> Option<Pid> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = File::from(open(path, flags, Mode::empty()).ok()?);
    let (file, _) = Flock::lock(file, FlockArg::LockSharedNonblock).err()?;
    let mut text = String::new();
    file.take(LIMIT).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    let pid = lines.next()?.parse().ok().map(Pid::from_raw);
    pid.filter(|_| lines.any(|line| line == address))
}
