//! The file that takes another's place.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, Flock, FlockArg, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, fsync, unlinkat};

use super::held::is_same;
use super::way::Way;
use super::{Refusal, Unwritten, judge, likeness, obstacle};

/// Two that meet over one name are through with it at once.
const PAUSE: Duration = Duration::from_millis(5);

/// A new file beside the one that it is to replace. It goes again unless it has taken its place.
///
/// Its name is always the same, so that what a killed writer left is found and removed. It is locked
/// as long as it has that name, so that nobody takes a living writer's file for such a leftover:
/// writers that hold different inodes of the document (because an editor renamed one in) meet here.
pub(super) struct Successor<'a> {
    way: &'a Way,
    name: OsString,
    file: Flock<File>,
    /// For fsync(2), which an O_PATH descriptor does not take.
    directory: OwnedFd,
    is_in_place: bool,
}

impl<'a> Successor<'a> {
    /// Empty, and for its owner alone. Another writer's is waited for until then.
    pub fn make(way: &'a Way, deadline: Instant) -> Result<Self, Unwritten> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = openat(&way.above.fd, ".", flags, Mode::empty())
            .map_err(system(way, "open its directory"))?;
        let name = name(way);
        loop {
            if let Some(file) = create(way, &name)? {
                return Ok(Successor { way, name, file, directory, is_in_place: false });
            }
            if Instant::now() >= deadline {
                return Err(Unwritten::Locked { path: way.path.clone(), holder: None });
            }
            sleep(PAUSE);
        }
    }

    /// Before it holds anything: owner, group, ACL and mode are the original's, or it is refused.
    pub fn become_like(&self, original: impl AsFd, stat: &FileStat) -> Result<(), Unwritten> {
        let file = &*self.file;
        likeness::give(file, stat, self.way)?;
        // The attributes first: a mode may forbid their change, and where an ACL came with the
        // directory, the mode would open the file to those whom it names.
        likeness::copy_attributes(original.as_fd(), file, self.way)?;
        fchmod(file, Mode::from_bits_truncate(stat.st_mode))
            .map_err(self.system("set its mode"))?;
        likeness::check(original.as_fd(), stat, file, self.way)
    }

    /// Before it holds anything.
    pub fn must_be_in_memory(&self) -> Result<(), Unwritten> {
        match judge::is_in_memory(&*self.file) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::NotInMemory { path: self.way.path.clone() }.into()),
            Err(errno) => Err(self.system("find its file system")(errno)),
        }
    }

    pub fn fill(&mut self, bytes: &[u8]) -> Result<(), Unwritten> {
        let errno = |error: io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
        self.file
            .write_all(bytes)
            .map_err(|error| self.system("write its new content")(errno(error)))?;
        fsync(&*self.file).map_err(self.system("bring its new content to the disk"))
    }

    pub fn take_place(mut self) -> Result<(), Unwritten> {
        let directory = &self.way.above.fd;
        renameat(directory, self.name.as_os_str(), directory, self.way.name.as_os_str())
            .map_err(|errno| obstacle::in_place_of(self.way, errno))?;
        self.is_in_place = true;
        match fsync(&self.directory) {
            // fsync(2): a file system that cannot do it for directories.
            Ok(()) | Err(Errno::EINVAL) => Ok(()),
            Err(errno) => Err(Unwritten::Unsure { path: self.way.path.clone(), errno }),
        }
    }

    /// What is left when its writer is killed.
    #[cfg(test)]
    pub fn abandon(mut self) {
        self.is_in_place = true;
    }

    fn system(&self, doing: &'static str) -> impl Fn(Errno) -> Unwritten + use<> {
        system(self.way, doing)
    }
}

impl Drop for Successor<'_> {
    /// Before the lock goes. What cannot be removed is the next writer's leftover.
    fn drop(&mut self) {
        if !self.is_in_place {
            let _ = unlinkat(&self.way.above.fd, self.name.as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}

/// `.NAME.keybearer-new`
fn name(way: &Way) -> OsString {
    let mut name = OsString::from(".");
    name.push(&way.name);
    name.push(".keybearer-new");
    name
}

/// None: something stood or stands under the name; try again.
fn create(way: &Way, name: &OsString) -> Result<Option<Flock<File>>, Unwritten> {
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    match openat(&way.above.fd, name.as_os_str(), flags, mode) {
        Ok(fd) => claim(way, name, fd),
        Err(Errno::EEXIST) => remove_leftover(way, name).map(|()| None),
        Err(errno) => Err(obstacle::beside(way, errno)),
    }
}

/// Between its making and its lock another writer may have taken it for a leftover.
fn claim(way: &Way, name: &OsString, fd: OwnedFd) -> Result<Option<Flock<File>>, Unwritten> {
    match Flock::lock(File::from(fd), FlockArg::LockExclusiveNonblock) {
        Ok(file) => Ok(has_name(way, name, &*file)?.then_some(file)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => {
            let _ = unlinkat(&way.above.fd, name.as_os_str(), UnlinkatFlags::NoRemoveDir);
            Err(system(way, "lock its successor (flock)")(errno))
        }
    }
}

/// What a killed writer left has no lock on it any more.
fn remove_leftover(way: &Way, name: &OsString) -> Result<(), Unwritten> {
    let failed = system(way, "remove what an earlier try left (.NAME.keybearer-new)");
    let directory = &way.above.fd;
    let seen = match fstatat(directory, name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(seen) => seen,
        Err(Errno::ENOENT) => return Ok(()),
        Err(errno) => return Err(failed(errno)),
    };
    // No writer makes anything but a regular file.
    let is_regular = SFlag::from_bits_truncate(seen.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG;
    let _lock = if is_regular {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let fd = match openat(directory, name.as_os_str(), flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::ENOENT | Errno::ELOOP) => return Ok(()),
            Err(errno) => return Err(failed(errno)),
        };
        match Flock::lock(File::from(fd), FlockArg::LockExclusiveNonblock) {
            Ok(file) if has_name(way, name, &*file)? => Some(file),
            Ok(_) | Err((_, Errno::EWOULDBLOCK)) => return Ok(()),
            Err((_, errno)) => return Err(failed(errno)),
        }
    } else {
        None
    };
    match unlinkat(directory, name.as_os_str(), UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(failed(errno)),
    }
}

fn has_name(way: &Way, name: &OsString, file: impl AsFd) -> Result<bool, Unwritten> {
    let failed = || system(way, "look at its successor");
    let own = fstat(file).map_err(failed())?;
    match fstatat(&way.above.fd, name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(is_same(&own, &found)),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(failed()(errno)),
    }
}

pub(super) fn system(way: &Way, doing: &'static str) -> impl Fn(Errno) -> Unwritten + use<> {
    let path = way.path.clone();
    move |errno| Unwritten::System { path: path.clone(), doing, errno }
}
