use std::fs::File;
use std::io::Read;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::Pid;

use super::claim::FILE;

/// More than every address that one unit will have.
const LIMIT: u64 = 64 * 1024;

/// The instance that has the claim to a directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Holder {
    /// None where it has not written it yet.
    pub pid: Option<Pid>,
    pub name: Option<String>,
    /// Its addresses, and its document.
    pub noted: Vec<String>,
}

impl Holder {
    pub fn of(directory: &Path) -> Option<Holder> {
        let mut file = open_in(directory).ok()?;
        if !is_locked(&file) {
            return None;
        }
        let mut text = String::new();
        let _ = (&mut file).take(LIMIT).read_to_string(&mut text);
        let mut lines = text.lines().map(str::to_owned);
        Some(Holder {
            pid: lines.next().and_then(|line| line.parse().ok()).map(Pid::from_raw),
            name: lines.next(),
            noted: lines.collect(),
        })
    }

    /// Whether somebody has the claim. One whose file is another user's cannot be told, and may run.
    pub fn is_there(directory: &Path) -> bool {
        match open_in(directory) {
            Ok(file) => is_locked(&file),
            Err(error) => error == Errno::EACCES,
        }
    }
}

fn open_in(directory: &Path) -> Result<File, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    open(&directory.join(FILE), flags, Mode::empty()).map(File::from)
}

/// Asks without taking the lock even for a moment: an instance that starts just then would take that
/// for another of its name. F_OFD_GETLK, fcntl_locking(2)
fn is_locked(file: &File) -> bool {
    let mut lock = super::claim::whole_file();
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock)).is_ok()
        && libc::c_int::from(lock.l_type) != libc::F_UNLCK
}
