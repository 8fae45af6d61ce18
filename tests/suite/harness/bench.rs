use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};

use super::{Account, Invocation, KEY, Mode};

/// A directory of one test's own, with what it starts from there.
#[derive(Debug)]
pub struct Bench {
    dir: PathBuf,
    site: Account,
}

impl Bench {
    pub fn new() -> Bench {
        Bench::below(&std::env::temp_dir())
    }

    /// On a file system that is no tmpfs. None, and said so, where there is none: tests/isolate
    /// mounts one.
    pub fn on_disk() -> Option<Bench> {
        let places = ["/srv/disk", "/var/tmp"].map(Path::new);
        let disk = places.into_iter().find(|place| place.is_dir() && !is_tmpfs(place));
        if disk.is_none() {
            super::skip("needs a disk");
        }
        disk.map(Bench::below)
    }

    /// In memory, where platforms mount secrets. None, and said so, where /tmp is no tmpfs.
    pub fn in_memory() -> Option<Bench> {
        let places = [&std::env::temp_dir(), Path::new("/dev/shm")];
        let memory = places.into_iter().find(|place| place.is_dir() && is_tmpfs(place));
        if memory.is_none() {
            super::skip("needs a tmpfs");
        }
        memory.map(Bench::below)
    }

    fn below(place: &Path) -> Bench {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = place.join(format!("kb-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        Bench { dir, site: Account::site() }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn site(&self) -> &Account {
        &self.site
    }

    /// By whoever keybearer runs as: who writes a file anew makes another one in its directory.
    pub fn may_be_written(&self) {
        if !Mode::current().is_root() {
            self.site.owns(&self.dir);
        }
    }

    /// Where a file of that name is, or would be.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A file of whoever keybearer runs as.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        if Mode::current().is_root() {
            chown(&path, Some(0), Some(0)).unwrap();
        } else {
            self.site.owns(&path);
        }
        // After chown, which takes the set-id bits away.
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// An env file as the guides make it: 0640, root and the site's group.
    pub fn env_file(&self, content: &str) -> PathBuf {
        let path = self.file("site.env", content, 0o640);
        if Mode::current().is_root() {
            chown(&path, None, Some(self.site.gid)).unwrap();
        }
        path
    }

    /// The config file. `{dir}` and `{user}` stand for the bench's directory and the site's user.
    pub fn config(&self, content: &str) -> PathBuf {
        self.file("site.toml", self.fill(content), 0o644)
    }

    pub fn schema(&self, content: &str) -> PathBuf {
        self.file("keybearer.schema.toml", content, 0o644)
    }

    /// A directory that belongs to the site, for its data or its sockets.
    pub fn site_dir(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir(&path).unwrap();
        self.site.owns(&path);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    /// What a test writes, with this bench's own facts filled in.
    pub fn fill(&self, text: &str) -> String {
        text.replace("{dir}", self.dir.to_str().unwrap())
            .replace("{user}", &self.site.name)
            .replace("{group}", &self.site.group)
    }

    /// The program under test, in the mode of this run. It has this bench's name unless the test gives
    /// another, because two instances of one name are refused.
    pub fn keybearer<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Invocation<'_> {
        let keybearer = Invocation::new(self, keybearer()).env("KEYBEARER_NAME", self.name());
        let keybearer = match self.session() {
            Some(session) => keybearer.env("XDG_RUNTIME_DIR", session),
            None => keybearer,
        };
        keybearer.args(arguments)
    }

    /// The name that instances of this bench have.
    pub fn name(&self) -> &str {
        self.dir.file_name().and_then(OsStr::to_str).expect("below() made it of ASCII")
    }

    /// What a login session gives an ordinary user; root has /run.
    pub fn session(&self) -> Option<PathBuf> {
        if Mode::current().is_root() {
            return None;
        }
        let session = self.path("session");
        if !session.exists() {
            self.site_dir("session");
        }
        Some(session)
    }

    /// Where an operator finds the instance of this bench.
    pub fn runtime_directory(&self) -> PathBuf {
        let parent = self.session().map_or("/run/keybearer".into(), |dir| dir.join("keybearer"));
        parent.join(self.name())
    }

    /// `keybearer` and a command, with this config, a key in an env file and the site's user. The
    /// test adds its options, `--` and the command.
    pub fn with_config(&self, command: &str, config: &str) -> Invocation<'_> {
        let config = self.config(config);
        let env_file = self.env_file(&format!("SECRET_KEY={KEY}\n"));
        let keybearer = self.keybearer([command, "--config"]).arg(config);
        keybearer.arg("--env-file").arg(env_file).user_flags()
    }

    /// `keybearer exec` in front of a program that prints the environment it was given.
    pub fn exec<A: AsRef<OsStr>>(&self, options: impl IntoIterator<Item = A>) -> Invocation<'_> {
        let exec = self.keybearer(["exec"]).args(options).user_flags();
        exec.args(["--", "/usr/bin/env", "-0"])
    }

    /// Any program, in the mode of this run.
    pub fn program(&self, path: impl Into<PathBuf>) -> Invocation<'_> {
        Invocation::new(self, path.into())
    }
}

/// A program of the tests' Python; None, and said so, where `tests/run` has not made it.
pub fn venv(program: &str) -> Option<PathBuf> {
    let Some(kit) = std::env::var_os("KEYBEARER_TEST_KIT") else {
        super::skip("needs the kit of tests/run");
        return None;
    };
    Some(Path::new(&kit).join("venv/bin").join(program))
}

fn is_tmpfs(place: &Path) -> bool {
    statfs(place).is_ok_and(|found| found.filesystem_type() == TMPFS_MAGIC)
}

/// The copy in the kit, because an ordinary user may not be able to reach the build directory.
pub fn keybearer() -> PathBuf {
    match std::env::var_os("KEYBEARER_TEST_KIT") {
        Some(kit) => Path::new(&kit).join("bin/keybearer"),
        None => PathBuf::from(env!("CARGO_BIN_EXE_keybearer")),
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // A leftover does no harm: /tmp is the tests' own.
        let _ = fs::remove_dir_all(&self.dir);
    }
}
