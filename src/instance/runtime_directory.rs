use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{AccessFlags, Gid, faccessat, geteuid, mkdtemp};

/// A directory that this user alone may write, for sockets of keybearer's own.
#[derive(Debug)]
pub struct RuntimeDirectory {
    path: PathBuf,
    /// What was made here and goes at the end.
    made: bool,
}

impl RuntimeDirectory {
    /// The first that can be had: systemd's, /run's, the session's, a temporary one.
    pub fn open(
        instance: &str,
        environment: &BTreeMap<OsString, OsString>,
    ) -> io::Result<RuntimeDirectory> {
        // Whatever was inherited (UMask=0177 in a unit): root without DAC_OVERRIDE could not enter a
        // directory that it made without the x for itself.
        let before = umask(Mode::from_bits_truncate(0o022));
        let opened = RuntimeDirectory::first(instance, environment);
        umask(before);
        opened
    }

    fn first(
        instance: &str,
        environment: &BTreeMap<OsString, OsString>,
    ) -> io::Result<RuntimeDirectory> {
        for path in RuntimeDirectory::places(instance, environment) {
            if let Ok(made) = make(&path) {
                return Ok(RuntimeDirectory { path, made });
            }
        }
        let path = mkdtemp(&std::env::temp_dir().join("keybearer-XXXXXX"))?;
        // Its sockets have modes of their own, and one of them is for the site.
        std::fs::set_permissions(&path, Permissions::from_mode(0o711))?;
        Ok(RuntimeDirectory { path, made: true })
    }

    /// Where the directory of an instance is looked for, the best first.
    pub(super) fn places(
        instance: &str,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Vec<PathBuf> {
        let get = |name: &str| environment.get(OsStr::new(name)).map(PathBuf::from);
        let given = get("RUNTIME_DIRECTORY").and_then(|list| {
            // Several are separated by colons: systemd.exec(5).
            let first = list.to_str()?.split(':').next()?;
            Some(PathBuf::from(first))
        });
        let session = get("XDG_RUNTIME_DIR").filter(|_| !geteuid().is_root());
        let places = [
            given.filter(|path| path.is_absolute()),
            Some(Path::new("/run/keybearer").join(instance)),
            session.map(|path| path.join("keybearer").join(instance)),
        ];
        places.into_iter().flatten().collect()
    }

    /// The same without systemd's: where an operator's `check` will look as well.
    pub fn well_known(
        instance: &str,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Option<RuntimeDirectory> {
        let before = umask(Mode::from_bits_truncate(0o022));
        let found = RuntimeDirectory::places(instance, environment)
            .into_iter()
            .filter(|path| path.ends_with(Path::new("keybearer").join(instance)))
            .find_map(|path| make(&path).ok().map(|made| RuntimeDirectory { path, made }));
        umask(before);
        found
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
