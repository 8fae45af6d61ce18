use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{self, Gid, Uid, getgrouplist, pipe2};

use super::{Unanswered, User, files, number};
use crate::sys::{self, Forked};

/// More than any answer.
const LIMIT: u64 = 1 << 20;
/// In milliseconds.
const PATIENCE: u16 = 10_000;

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
        let name = CString::new(user).map_err(|_| nix::errno::Errno::EINVAL)?;
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
            let answered = question().map_err(|error| error as i32);
            let code = match answered {
                Ok(answer) => i32::from(File::from(writer).write_all(&answer).is_err()),
                Err(errno) => errno,
            };
            sys::exit_now(code)
        }
        Forked::Parent(child) => {
            drop(writer);
            let mut answer = Vec::new();
            let mut watched = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
            if poll(&mut watched, PATIENCE) == Ok(0) {
                let _ = kill(child, Signal::SIGKILL);
            }
            let read = File::from(reader).take(LIMIT).read_to_end(&mut answer);
            match (waitpid(child, None), read) {
                (Ok(WaitStatus::Exited(_, 0)), Ok(_)) => Ok(answer),
                (Ok(WaitStatus::Exited(_, errno)), _) => {
                    Err(failed(&nix::errno::Errno::from_raw(errno)))
                }
                (Ok(WaitStatus::Signaled(..)), _) => Err(failed(&"no answer within 10 seconds")),
                (Ok(_), _) => Err(failed(&"the question was stopped")),
                (Err(error), _) => Err(failed(&error)),
            }
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
