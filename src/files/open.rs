//! The file itself: opened once, and read from the descriptor that was judged.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};
use zeroize::Zeroizing;

use super::walk::Reached;
use super::{Kind, Refusal, denied};

/// Far more than execve(2) takes; a bound for what is held in memory.
pub(super) const LIMIT: u64 = 16 * 1024 * 1024;

pub(super) struct Opened {
    pub fd: OwnedFd,
    pub stat: FileStat,
    /// Whether somebody else may make names in the directory that it was found in.
    pub in_shared_directory: bool,
}

pub(super) fn open(above: &Reached, name: &OsStr, asked: &Path) -> Result<Opened, Refusal> {
    let system = |doing| move |errno| Refusal::System { path: asked.to_owned(), doing, errno };
    let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
    let seen = fstatat(&above.fd, name, flags).map_err(|errno| match errno {
        Errno::ENOENT => Refusal::Missing { path: asked.to_owned() },
        Errno::EACCES => denied::unsearchable(above, asked),
        errno => system("look at")(errno),
    })?;
    // Only to spare a device or a pipe the open, which can have effects of its own; what counts is
    // the look at the descriptor below.
    refuse_other_kinds(above, name, &seen, asked)?;

    let flags = OFlag::O_RDONLY
        | OFlag::O_NOFOLLOW
        | OFlag::O_CLOEXEC
        | OFlag::O_NONBLOCK
        | OFlag::O_NOCTTY;
    let fd = openat(&above.fd, name, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::ENOENT => Refusal::Missing { path: asked.to_owned() },
        Errno::EACCES => denied::unreadable(&seen, asked),
        // Exchanged since the look above.
        Errno::ELOOP => Refusal::Kind { path: asked.to_owned(), kind: Kind::Symlink },
        errno => system("open")(errno),
    })?;
    let stat = fstat(&fd).map_err(system("look at"))?;
    refuse_other_kinds(above, name, &stat, asked)?;
    let directory = fstat(&above.fd).map_err(system("look at the directory of"))?;
    Ok(Opened { fd, stat, in_shared_directory: directory.st_mode & 0o022 != 0 })
}

/// Takes what was opened: nothing is read that was not judged before, and nothing twice.
pub(super) fn read(opened: Opened, asked: &Path) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let too_large = |size| Refusal::TooLarge { path: asked.to_owned(), size, limit: LIMIT };
    let size = u64::try_from(opened.stat.st_size).unwrap_or(0);
    if size > LIMIT {
        return Err(too_large(size));
    }
    // Room for all of it and the end, so that no smaller copy is left behind by growth.
    let room = usize::try_from(size).unwrap_or(0) + 64;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    File::from(opened.fd).take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| {
        let errno = error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw);
        Refusal::System { path: asked.to_owned(), doing: "read", errno }
    })?;
    // It may have grown since the look.
    match bytes.len() as u64 {
        length if length > LIMIT => Err(too_large(length)),
        _ => Ok(bytes),
    }
}

fn refuse_other_kinds(
    above: &Reached,
    name: &OsStr,
    stat: &FileStat,
    asked: &Path,
) -> Result<(), Refusal> {
    match Kind::of(stat) {
        Kind::Regular => Ok(()),
        Kind::Symlink => match readlinkat(&above.fd, name) {
            Ok(target) => {
                let target = asked.parent().unwrap_or(Path::new("")).join(PathBuf::from(target));
                Err(Refusal::Symlink { path: asked.to_owned(), target })
            }
            Err(_) => Err(Refusal::Kind { path: asked.to_owned(), kind: Kind::Symlink }),
        },
        kind => Err(Refusal::Kind { path: asked.to_owned(), kind }),
    }
}
