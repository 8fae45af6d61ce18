use std::fmt;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::Flock;
use nix::sys::stat::{FileStat, fstat};
use zeroize::Zeroizing;

use super::successor::Successor;
use super::way::Way;
use super::{Refusal, Rule, Unwritten, lock, open, quoted};

/// An env file that nobody else who asks for its lock may replace.
pub struct Held {
    way: Way,
    /// Until when another writer is waited for.
    deadline: Instant,
    lock: Flock<OwnedFd>,
    stat: FileStat,
    bytes: Zeroizing<Vec<u8>>,
}

/// Locks the file, then judges and reads it. Waits for another's lock for as long as `patience`.
pub fn hold(path: &Path, patience: Duration) -> Result<Held, Unwritten> {
    let deadline = Instant::now() + patience;
    let way = Way::to(path, Rule::EnvFile)?;
    loop {
        let (opened, _) = way.open()?;
        let lock = lock::wait(opened.fd, path, deadline)?;
        // Whoever had the lock has put another file in the place of this one.
        let (opened, _) = way.open()?;
        if is_same(&opened.stat, &opened_before(&lock, path)?) {
            let stat = opened.stat;
            if stat.st_nlink > 1 {
                return Err(Unwritten::HardLinks { path: path.to_owned(), links: stat.st_nlink });
            }
            let bytes = open::read(opened, path)?;
            return Ok(Held { way, deadline, lock, stat, bytes });
        }
        if Instant::now() >= deadline {
            return Err(Unwritten::Changed { path: path.to_owned() });
        }
    }
}

fn opened_before(lock: &Flock<OwnedFd>, path: &Path) -> Result<FileStat, Unwritten> {
    let doing = "look at it";
    fstat(&**lock).map_err(|errno| Unwritten::System { path: path.to_owned(), doing, errno })
}

impl Held {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Puts a file with these bytes in its place, alike in everything else. At every moment the name
    /// stands for the old file or for the new one, whole.
    pub fn replace(self, bytes: &[u8]) -> Result<(), Unwritten> {
        if bytes.len() as u64 > open::LIMIT {
            let (path, size) = (self.way.path.clone(), bytes.len() as u64);
            return Err(Refusal::TooLarge { path, size, limit: open::LIMIT }.into());
        }
        let mut successor = Successor::make(&self.way, self.deadline)?;
        successor.become_like(&*self.lock, &self.stat)?;
        successor.fill(bytes)?;
        self.look_again()?;
        successor.take_place()
    }

    /// An editor does not ask for the lock. What it has saved since must not be lost.
    pub(super) fn look_again(&self) -> Result<(), Unwritten> {
        let path = &self.way.path;
        let (opened, _) = self.way.open()?;
        let (before, now) = (&self.stat, &opened.stat);
        let same = is_same(before, now)
            && (before.st_uid, before.st_gid, before.st_mode, before.st_nlink)
                == (now.st_uid, now.st_gid, now.st_mode, now.st_nlink)
            && *open::read(opened, path)? == *self.bytes;
        if same { Ok(()) } else { Err(Unwritten::Changed { path: path.clone() }) }
    }

    #[cfg(test)]
    pub(super) fn parts(&self) -> (&Way, &OwnedFd, &FileStat) {
        (&self.way, &self.lock, &self.stat)
    }
}

pub(super) fn is_same(one: &FileStat, other: &FileStat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({}, redacted)", quoted(&self.way.path))
    }
}
