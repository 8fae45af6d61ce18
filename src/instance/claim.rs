use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::getpid;

use super::holder::Holder;

pub(super) const FILE: &str = "instance";

/// Another instance may end while its claim is being asked for; more often than this it does not.
const ATTEMPTS: usize = 10;

/// The claim of one instance to a directory: a lock on a file in it, which the kernel takes away when
/// the supervisor ends, however it ends. fcntl_locking(2), open file description locks.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    file: File,
    name: String,
}

impl Claim {
    /// Ok(None) where the directory takes no such file; an error is who has it.
    pub fn take(directory: &Path, name: &str) -> Result<Option<Claim>, Holder> {
        let path = directory.join(FILE);
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        for _ in 0..ATTEMPTS {
            let opened = open(&path, flags | OFlag::O_NONBLOCK, Mode::from_bits_truncate(0o600));
            let Ok(file) = opened.map(File::from) else { return Ok(None) };
            match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file())) {
                // The one that had it took the file away after this one had opened it.
                Ok(_) if !is_at(&file, &path) => {}
                Ok(_) => {
                    let claim = Claim { path, file, name: name.to_owned() };
                    return Ok(claim.note(&[]).ok().map(|()| claim));
                }
                Err(Errno::EAGAIN | Errno::EACCES) => {
                    if let Some(holder) = Holder::of(directory) {
                        return Err(holder);
                    }
                }
                Err(_) => return Ok(None),
            }
        }
        Err(Holder::default())
    }

    /// What `check` tells a used address by. Never a moment without the first two lines.
    pub fn note(&self, addresses: &[&str]) -> std::io::Result<()> {
        let text = format!("{}\n{}\n{}", getpid(), self.name, addresses.join("\n"));
        self.file.write_all_at(text.as_bytes(), 0)?;
        self.file.set_len(text.len() as u64)
    }

    pub fn directory(&self) -> Option<&Path> {
        self.path.parent()
    }
}

impl Drop for Claim {
    /// Before the lock goes: another instance that locks the file then sees that it is no longer there.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        (_, _) => false,
    }
}

/// An exclusive lock from the first byte to the last, wherever that is.
pub(super) fn whole_file() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        // Must be 0 for these locks.
        l_pid: 0,
    }
}
