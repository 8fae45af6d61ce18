//! The way to a file, one directory at a time.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstat};

use super::owner::{self, Owners};
use super::{Kind, Refusal, denied, judge};

/// What the kernel allows as well (path_resolution(7)).
const MOST_SYMLINKS: usize = 40;

/// A directory that was reached through judged directories only, and judged itself.
pub(super) struct Reached {
    /// O_PATH: good for the *at calls, not for listing.
    pub fd: OwnedFd,
    /// Without symbolic links.
    pub path: PathBuf,
    pub owners: Owners,
}

/// Walks to `path` from the root. `asked` is the file that all this is for, named by refusals.
pub(super) fn directory(path: &Path, asked: &Path, owners: Owners) -> Result<Reached, Refusal> {
    let start = if path.is_absolute() { PathBuf::new() } else { current_directory(asked)? };
    // A stack: the next component is the last.
    let mut todo = components_reversed(&start.join(path));
    let mut here = root(asked, owners)?;
    let mut symlinks = 0;
    while let Some(name) = todo.pop() {
        match name.as_encoded_bytes() {
            b"/" => here = root(asked, owners)?,
            b"." => {}
            _ => match step(&here, &name, asked)? {
                Step::Directory(next) => here = next,
                Step::Symlink(target) => {
                    symlinks += 1;
                    if symlinks > MOST_SYMLINKS {
                        return Err(Refusal::TooManySymlinks { path: asked.to_owned() });
                    }
                    todo.extend(components_reversed(&target));
                }
            },
        }
    }
    Ok(here)
}

/// The directory `name` inside a reached one, which may be no symbolic link.
pub(super) fn inside(here: &Reached, name: &OsStr, asked: &Path) -> Result<Reached, Refusal> {
    match step(here, name, asked)? {
        Step::Directory(next) => Ok(next),
        Step::Symlink(_) => {
            Err(Refusal::NotADirectory { path: here.path.join(name), kind: Kind::Symlink })
        }
    }
}

enum Step {
    Directory(Reached),
    Symlink(PathBuf),
}

fn step(here: &Reached, name: &OsStr, asked: &Path) -> Result<Step, Refusal> {
    let owners = here.owners;
    let path = match name.as_encoded_bytes() {
        // `here` has no symbolic link in it, so its parent is the path without the last name.
        b".." => here.path.parent().unwrap_or(Path::new("/")).to_owned(),
        _ => here.path.join(name),
    };
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let fd = openat(&here.fd, name, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::ENOENT => {
            Refusal::MissingDirectory { path: asked.to_owned(), directory: path.clone() }
        }
        Errno::EACCES => denied::unsearchable(here, asked),
        errno => Refusal::System { path: path.clone(), doing: "open", errno },
    })?;
    let stat = status(&fd, &path)?;
    match Kind::of(&stat) {
        Kind::Directory => {
            judge::directory(&stat, &path, asked, owners)?;
            Ok(Step::Directory(Reached { fd, path, owners }))
        }
        Kind::Symlink => {
            // Followed by hand, so the kernel's own guard (fs.protected_symlinks, proc(5)) does
            // not stand here.
            if !owners.trust(stat.st_uid) {
                return Err(Refusal::ForeignSymlink {
                    path: asked.to_owned(),
                    link: path,
                    owner: owner::user(stat.st_uid),
                });
            }
            // An empty name means the link that the descriptor is for (readlinkat(2)).
            let target = readlinkat(&fd, "").map_err(|errno| Refusal::System {
                path,
                doing: "read the link",
                errno,
            })?;
            Ok(Step::Symlink(PathBuf::from(target)))
        }
        kind => Err(Refusal::NotADirectory { path, kind }),
    }
}

fn root(asked: &Path, owners: Owners) -> Result<Reached, Refusal> {
    let path = PathBuf::from("/");
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let fd = open(&path, flags, Mode::empty()).map_err(|errno| Refusal::System {
        path: path.clone(),
        doing: "open",
        errno,
    })?;
    judge::directory(&status(&fd, &path)?, &path, asked, owners)?;
    Ok(Reached { fd, path, owners })
}

fn status(fd: &OwnedFd, path: &Path) -> Result<FileStat, Refusal> {
    fstat(fd).map_err(|errno| Refusal::System { path: path.to_owned(), doing: "look at", errno })
}

fn current_directory(asked: &Path) -> Result<PathBuf, Refusal> {
    nix::unistd::getcwd().map_err(|errno| Refusal::System {
        path: asked.to_owned(),
        doing: "find the current directory for",
        errno,
    })
}

fn components_reversed(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|c| c.as_os_str().to_owned()).collect()
}
