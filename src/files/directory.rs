use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat};
use nix::sys::stat::{Mode, fstat, fstatat};
use zeroize::Zeroizing;

use super::owner::Owners;
use super::walk::{self, Reached};
use super::{Kind, Refusal, Rule, denied, judge, open, owner, quoted};

/// The link that Kubernetes swings from one set of files to the next.
const DATA: &str = "..data";

/// A directory of secrets that a platform mounted, one file each. Kubernetes' `..data` is resolved
/// once, at open, so that all files are of one set.
pub struct Directory {
    path: PathBuf,
    here: Reached,
    data: Option<Reached>,
    open_to_others: Cell<bool>,
}

/// The names in it, sorted; those that start with a dot are the platform's own and left out.
#[derive(Debug, Default)]
pub struct Listing {
    pub files: Vec<OsString>,
    pub directories: Vec<OsString>,
}

impl Directory {
    pub fn open(path: &Path) -> Result<Self, Refusal> {
        let here = walk::directory(path, path, Owners::STRICT)?;
        let data = data(&here, path)?;
        Ok(Directory { path: path.to_owned(), here, data, open_to_others: Cell::new(false) })
    }

    pub fn list(&self) -> Result<Listing, Refusal> {
        let failed = |doing| {
            move |errno| match errno {
                Errno::EACCES => denied::unsearchable(&self.here, &self.path),
                errno => Refusal::System { path: self.path.clone(), doing, errno },
            }
        };
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let fd = openat(&self.here.fd, ".", flags, Mode::empty()).map_err(failed("open"))?;
        let mut listing = Listing::default();
        for entry in Dir::from_fd(fd).map_err(failed("list"))? {
            let entry = entry.map_err(failed("list"))?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name.as_bytes().starts_with(b".") {
                continue;
            }
            match self.kind(name)? {
                Some(Kind::Directory) => listing.directories.push(name.to_owned()),
                Some(_) => listing.files.push(name.to_owned()),
                None => {}
            }
        }
        listing.files.sort_unstable();
        listing.directories.sort_unstable();
        Ok(listing)
    }

    /// Reads one file by the rule for mounted files.
    pub fn read(&self, name: &OsStr) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        self.read_by(name, Rule::Mounted)
    }

    pub(super) fn read_by(&self, name: &OsStr, rule: Rule) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let path = self.path.join(name);
        let opened = match self.projected(name) {
            Some(data) => open::open(data, name, &path)?,
            None => open::open(&self.here, name, &path)?,
        };
        let verdict = judge::file(&opened, rule, &path, Owners::STRICT)?;
        if verdict.open_to_others {
            self.open_to_others.set(true);
        }
        open::read(opened, &path)
    }

    /// Whether its set of files can be exchanged as a whole, so that one of them may be gone by the
    /// time it is read.
    pub fn is_projected(&self) -> bool {
        self.data.is_some()
    }

    /// What is to be said about everything read so far, once for the directory.
    pub fn warnings(&self) -> Vec<String> {
        if !self.open_to_others.get() {
            return Vec::new();
        }
        let path = quoted(&self.path);
        vec![format!("files in {path} are readable by others, accepted on a tmpfs only")]
    }

    /// The kind of an entry; None when it is gone since the listing.
    fn kind(&self, name: &OsStr) -> Result<Option<Kind>, Refusal> {
        let above = self.projected(name).unwrap_or(&self.here);
        match fstatat(&above.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Kind::of(&stat))),
            // In a set of files that is just being exchanged: the reader says so.
            Err(Errno::ENOENT) if self.is_projected() => Ok(Some(Kind::Unknown)),
            Err(Errno::ENOENT) => Ok(None),
            Err(Errno::EACCES) => Err(denied::unsearchable(above, &self.path)),
            Err(errno) => {
                Err(Refusal::System { path: self.path.join(name), doing: "look at", errno })
            }
        }
    }

    /// Whether that name leads into the set of files.
    pub(super) fn is_of_the_set(&self, name: &OsStr) -> bool {
        self.projected(name).is_some()
    }

    /// The one kind of link that is followed: `NAME -> ..data/NAME`, inside the set that was
    /// resolved at open.
    fn projected(&self, name: &OsStr) -> Option<&Reached> {
        let data = self.data.as_ref()?;
        let target = readlinkat(&self.here.fd, name).ok()?;
        (Path::new(&target) == Path::new(DATA).join(name)).then_some(data)
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Directory({})", quoted(&self.path))
    }
}

fn data(here: &Reached, asked: &Path) -> Result<Option<Reached>, Refusal> {
    let path = here.path.join(DATA);
    let system = |doing| {
        let path = path.clone();
        move |errno| Refusal::System { path, doing, errno }
    };
    let link = match fstatat(&here.fd, DATA, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::ENOENT) => return Ok(None),
        Err(Errno::EACCES) => return Err(denied::unsearchable(here, asked)),
        Err(errno) => return Err(system("look at")(errno)),
    };
    // In a sticky directory anybody may make a link, and only its owner can replace it.
    if !Owners::STRICT.trust(link.st_uid) {
        let owner = owner::user(link.st_uid);
        return Err(Refusal::ForeignSymlink { path: asked.to_owned(), link: path, owner });
    }
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    match openat2(&here.fd, DATA, OpenHow::new().flags(flags).resolve(resolve)) {
        Ok(fd) => reached(fd, path, asked).map(Some),
        // Linux before 5.6, or a container's filter that does not know the call.
        Err(Errno::ENOSYS | Errno::EPERM) => data_by_hand(here, &path, asked).map(Some),
        Err(Errno::EACCES) => Err(denied::unsearchable(here, asked)),
        // openat2(2): it leads out of the directory.
        Err(Errno::EXDEV) => Err(outside(path)),
        Err(errno) => Err(system("open")(errno)),
    }
}

/// The same without openat2: the target must be one name in the same directory.
pub(super) fn data_by_hand(here: &Reached, path: &Path, asked: &Path) -> Result<Reached, Refusal> {
    let target = readlinkat(&here.fd, DATA).map_err(|errno| Refusal::System {
        path: path.to_owned(),
        doing: "read the link",
        errno,
    })?;
    let bytes = target.as_bytes();
    if bytes.contains(&b'/') || bytes == b"." || bytes == b".." {
        return Err(outside(path.to_owned()));
    }
    walk::inside(here, &target, asked)
}

fn reached(fd: OwnedFd, path: PathBuf, asked: &Path) -> Result<Reached, Refusal> {
    let stat = fstat(&fd).map_err(|errno| Refusal::System {
        path: path.clone(),
        doing: "look at",
        errno,
    })?;
    judge::directory(&stat, &path, asked, Owners::STRICT)?;
    Ok(Reached { fd, path, owners: Owners::STRICT })
}

fn outside(path: PathBuf) -> Refusal {
    Refusal::Permissions {
        run: format!("rm {}", super::command_word(&path)),
        path,
        what: "a symbolic link out of its directory".to_owned(),
    }
}
