use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{self, Gid, Uid, getgrouplist, pipe2};

use super::{Unanswered, User, files, number};
use crate::sys::{self, Forked};

/// More than any answer.
const LIMIT: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(10);

pub enum Asked<'a> {
    Name(&'a str),
    Uid(Uid),
}

pub fn user(asked: Asked<'_>) -> Result<Option<User>, Unanswered> {
    let answer = ask(|| {
        let found = match asked {
            Asked::Name(name) => unistd::User::from_name(name),
            Asked::Uid(uid) => unistd::User::from_uid(uid),
        };
        // As a line of passwd(5), which is what is read back.
        found.map(|user| user.map(|user| passwd_line(&user)).unwrap_or_default())
    })?;
    Ok(files::user(&answer))
}

pub fn group(name: &str) -> Result<Option<Gid>, Unanswered> {
    let answer = ask(|| {
        let found = unistd::Group::from_name(name);
        found.map(|group| group.map(|group| group.gid.to_string().into_bytes()).unwrap_or_default())
    })?;
    Ok(number(&answer).map(Gid::from_raw))
}

pub fn groups_of(user: &str, gid: Gid) -> Result<Vec<Gid>, Unanswered> {
    let answer = ask(|| {
        let name = CString::new(user).map_err(|_| Errno::EINVAL)?;
        let all: Vec<String> = getgrouplist(&name, gid)?.iter().map(Gid::to_string).collect();
        Ok(all.join(",").into_bytes())
    })?;
    Ok(answer.split(|byte| *byte == b',').filter_map(number).map(Gid::from_raw).collect())
}

/// Forks, has the child ask, and reads its answer. A module that hangs is killed with its child.
fn ask(question: impl FnOnce() -> nix::Result<Vec<u8>>) -> Result<Vec<u8>, Unanswered> {
    let failed = |error: &dyn std::fmt::Display| Unanswered(error.to_string());
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(|error| failed(&error))?;
    match sys::fork().map_err(|error| failed(&error))? {
        Forked::Child => {
            let code = match question() {
                Ok(answer) => i32::from(File::from(writer).write_all(&answer).is_err()),
                // These mean "not found" too: getpwnam(3), under ERRORS. ENOENT is an image without
                // any /etc/passwd.
                Err(Errno::ENOENT | Errno::ESRCH | Errno::EBADF | Errno::EPERM) => 0,
                Err(errno) => errno as i32,
            };
            sys::exit_now(code)
        }
        Forked::Parent(child) => {
            drop(writer);
            let answer = read_within(reader, PATIENCE);
            if answer.is_none() {
                let _ = kill(child, Signal::SIGKILL);
            }
            match (waitpid(child, None), answer) {
                (Ok(WaitStatus::Exited(_, 0)), Some(answer)) => Ok(answer),
                (Ok(WaitStatus::Exited(_, errno)), Some(_)) => Err(failed(&Errno::from_raw(errno))),
                (Ok(_), None) => Err(failed(&"no answer within 10 seconds")),
                (Ok(_), Some(_)) => Err(failed(&"one of their modules crashed")),
                (Err(error), _) => Err(failed(&error)),
            }
        }
    }
}

/// All that comes until the end, or None where the end does not come in time.
fn read_within(reader: OwnedFd, patience: Duration) -> Option<Vec<u8>> {
    let deadline = Instant::now() + patience;
    let mut reader = File::from(reader);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut watched = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
        if poll(&mut watched, timeout) == Ok(0) {
            return None;
        }
        match reader.read(&mut buffer) {
            Ok(0) | Err(_) => return Some(answer),
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
        }
        if answer.len() > LIMIT {
            return Some(Vec::new());
        }
    }
}

fn passwd_line(user: &unistd::User) -> Vec<u8> {
    let numbers = format!(":x:{}:{}::", user.uid, user.gid);
    let fields = [
        user.name.as_bytes(),
        numbers.as_bytes(),
        user.dir.as_os_str().as_bytes(),
        b":",
        user.shell.as_os_str().as_bytes(),
    ];
    fields.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_services_say_comes_back_whole() {
        let root = user(Asked::Name("root")).expect("an answer").expect("a user");
        assert_eq!((root.uid.as_raw(), root.gid.as_raw()), (0, 0));
        assert_eq!(user(Asked::Uid(Uid::from_raw(0))), Ok(Some(root)));
        assert_eq!(user(Asked::Name("no-such-user")), Ok(None));
        assert_eq!(group("root"), Ok(Some(Gid::from_raw(0))));
        assert_eq!(group("no-such-group"), Ok(None));
        let groups = groups_of("root", Gid::from_raw(7)).expect("an answer");
        assert!(groups.contains(&Gid::from_raw(7)), "{groups:?}");
    }
}
