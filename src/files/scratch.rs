use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};

/// A directory for one test, 0755, removed at its end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        Scratch::under(&std::env::temp_dir())
    }

    /// On a tmpfs; None, said loudly, where the machine has none at /dev/shm.
    pub(crate) fn in_memory() -> Option<Self> {
        let place = Path::new("/dev/shm");
        if statfs(place).is_ok_and(|s| s.filesystem_type() == TMPFS_MAGIC) {
            return Some(Scratch::under(place));
        }
        eprintln!("SKIPPED: no tmpfs at /dev/shm");
        None
    }

    fn under(place: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let place = place.canonicalize().expect("a place for tests");
        let path = place.join(format!("keybearer-test-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("a scratch directory");
        set_mode(&path, 0o755);
        Scratch(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file");
        set_mode(&path, mode);
        path
    }

    pub(crate) fn directory(&self, name: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir(&path).expect("a directory");
        set_mode(&path, mode);
        path
    }

    /// The Kubernetes way: `NAME -> ..data/NAME`, `..data -> ..2026_1`.
    pub(crate) fn projected(&self, files: &[(&str, &[u8])]) -> PathBuf {
        let top = self.directory("projected", 0o1777);
        let set = self.directory("projected/..2026_1", 0o755);
        std::os::unix::fs::symlink("..2026_1", top.join("..data")).expect("..data");
        for (name, content) in files {
            fs::write(set.join(name), content).expect("a file");
            set_mode(&set.join(name), 0o644);
            let target = Path::new("..data").join(name);
            std::os::unix::fs::symlink(target, top.join(name)).expect("a link");
        }
        top
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

/// Whether the test may chown and mknod; said loudly where not.
pub(crate) fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED: needs root");
    }
    root
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
