use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{AccessFlags, Gid, faccessat, geteuid, mkdtemp};

const TEMPORARY: &str = "keybearer-XXXXXX";

/// A directory that this user alone may write, for sockets of keybearer's own.
#[derive(Debug)]
pub struct RuntimeDirectory {
    path: PathBuf,
    /// What was made here and goes at the end.
    made: bool,
    temporary: bool,
}

impl RuntimeDirectory {
    /// The first of these that can be had.
    pub(super) fn first(places: &[PathBuf]) -> Option<RuntimeDirectory> {
        under_ordinary_umask(|| {
            places.iter().find_map(|path| {
                let made = make(path).ok()?;
                Some(RuntimeDirectory { path: path.clone(), made, temporary: false })
            })
        })
    }

    /// One that nobody will look into. In a read-only container /dev/shm is what can be written still.
    pub(super) fn temporary() -> io::Result<RuntimeDirectory> {
        under_ordinary_umask(|| {
            let path = mkdtemp(&std::env::temp_dir().join(TEMPORARY))
                .or_else(|why| mkdtemp(&Path::new("/dev/shm").join(TEMPORARY)).map_err(|_| why))?;
            // Its sockets have modes of their own, and one of them is for the site.
            std::fs::set_permissions(&path, Permissions::from_mode(0o711))?;
            Ok(RuntimeDirectory { path, made: true, temporary: true })
        })
    }

    pub(super) fn is_temporary(&self) -> bool {
        self.temporary
    }

    /// Whether a process of this group can reach what is in it.
    pub fn lets_through(&self, gid: Gid) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|found| {
            let by_group = found.gid() == gid.as_raw() && found.mode() & 0o010 != 0;
            by_group || found.mode() & 0o001 != 0
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RuntimeDirectory {
    fn drop(&mut self) {
        if self.made {
            // Fails where somebody else's file is in it, and then it stays.
            let _ = std::fs::remove_dir(&self.path);
        }
    }
}

/// Whatever was inherited (UMask=0177 in a unit): root without DAC_OVERRIDE could not enter a directory
/// that it made without the x for itself.
fn under_ordinary_umask<T>(make: impl FnOnce() -> T) -> T {
    let before = umask(Mode::from_bits_truncate(0o022));
    let made = make();
    umask(before);
    made
}

/// Ours, and writable by nobody else; made where it is missing. True where it was made.
fn make(path: &Path) -> io::Result<bool> {
    let made = !path.exists();
    if made {
        DirBuilder::new().recursive(true).mode(0o755).create(path)?;
    }
    let found = std::fs::symlink_metadata(path)?;
    let ours = found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & 0o022 == 0;
    // On a read-only file system it may be ours and still no use.
    let writable = faccessat(AT_FDCWD, path, AccessFlags::W_OK, AtFlags::AT_EACCESS).is_ok();
    if ours && writable { Ok(made) } else { Err(io::Error::from(io::ErrorKind::PermissionDenied)) }
}
