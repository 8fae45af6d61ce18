//! flock(2): advisory, bound to the inode, and gone with the process that held it.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::{FileStat, fstat, major, minor};

use super::Unwritten;

const PAUSE: Duration = Duration::from_millis(5);

/// Waits for the lock until `deadline`. Whoever may read a file may lock it, so nobody waits for ever.
pub(super) fn wait(
    fd: OwnedFd,
    path: &Path,
    deadline: Instant,
) -> Result<Flock<OwnedFd>, Unwritten> {
    let mut fd = fd;
    loop {
        let errno = match Flock::lock(fd, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((back, errno)) => {
                fd = back;
                errno
            }
        };
        match errno {
            Errno::EINTR => {}
            Errno::EWOULDBLOCK if Instant::now() < deadline => sleep(PAUSE),
            Errno::EWOULDBLOCK => {
                let holder = fstat(&fd).ok().and_then(|stat| holder(&stat));
                return Err(Unwritten::Locked { path: path.to_owned(), holder });
            }
            errno => {
                let (path, doing) = (path.to_owned(), "lock it (flock)");
                return Err(Unwritten::System { path, doing, errno });
            }
        }
    }
}

/// What the kernel's list says; None where it does not know, or counts devices in another way than
/// fstat(2).
fn holder(stat: &FileStat) -> Option<u32> {
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let (major, minor) = (major(stat.st_dev), minor(stat.st_dev));
    let file = format!("{major:02x}:{minor:02x}:{}", stat.st_ino);
    locks.lines().find_map(|line| parse(line, &file))
}

/// `1: FLOCK  ADVISORY  WRITE 1234 08:01:131090 0 EOF` (proc_locks(5)). Who only waits has an arrow in
/// the place of the type.
fn parse(line: &str, file: &str) -> Option<u32> {
    let mut words = line.split_ascii_whitespace().skip(1);
    if words.next()? != "FLOCK" {
        return None;
    }
    let pid = words.nth(2)?.parse().ok()?;
    (words.next()? == file).then_some(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_the_one_with_the_lock() {
        let of = |line| parse(line, "08:01:131090");
        assert_eq!(of("1: FLOCK  ADVISORY  WRITE 1234 08:01:131090 0 EOF"), Some(1234));
        for other in [
            "1: -> FLOCK  ADVISORY  WRITE 1235 08:01:131090 0 EOF",
            "1: POSIX  ADVISORY  WRITE 1234 08:01:131090 0 EOF",
            "1: FLOCK  ADVISORY  WRITE 1234 08:01:131091 0 EOF",
            "1: FLOCK  ADVISORY  WRITE -1 08:01:131090 0 EOF",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
