use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Uid, dup2_stderr, dup2_stdin, dup2_stdout, execve, pipe2};

use super::{Unanswered, User, files, number};
use crate::sys::{self, Forked};
use crate::timeout;

/// The C library's own, which knows the machine's modules as a static executable cannot: getent(1).
const GETENT: &str = "/usr/bin/getent";
const NOT_FOUND: i32 = 2;
/// As a shell says that there is no such command, or that it cannot be executed.
const NO_GETENT: i32 = 127;
const NOT_STARTED: i32 = 126;

/// More than any answer.
const LIMIT: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(10);

pub fn by_name(name: &str) -> Result<Option<User>, Unanswered> {
    // It takes digits for an id.
    Ok(user("passwd", name)?.filter(|user| user.name == name))
}

pub fn by_uid(uid: Uid) -> Result<Option<User>, Unanswered> {
    Ok(user("passwd", &uid.to_string())?.filter(|user| user.uid == uid))
}

pub fn group(name: &str) -> Result<Option<Gid>, Unanswered> {
    let found = files::group(line(&ask("group", name)?));
    Ok(found.filter(|group| group.name == name).map(|group| group.gid))
}

/// `gid` and those that the services know, each once: initgroups(3).
pub fn groups_of(user: &str, gid: Gid) -> Result<Vec<Gid>, Unanswered> {
    let answer = ask("initgroups", user)?;
    let mut all = vec![gid];
    // After the user's name.
    let ids = answer.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).skip(1);
    for id in ids.filter_map(number).map(Gid::from_raw) {
        if !all.contains(&id) {
            all.push(id);
        }
    }
    Ok(all)
}

fn user(database: &str, key: &str) -> Result<Option<User>, Unanswered> {
    Ok(files::user(line(&ask(database, key)?)))
}

fn line(answer: &[u8]) -> &[u8] {
    answer.strip_suffix(b"\n").unwrap_or(answer)
}

/// What getent prints; nothing where nobody knows the key, or where there is no getent, as in an image
/// made FROM scratch. One that hangs is killed.
fn ask(database: &str, key: &str) -> Result<Vec<u8>, Unanswered> {
    let failed = |error: &dyn std::fmt::Display| Unanswered(error.to_string());
    let words = ["getent", "--", database, key].map(CString::new);
    let [Ok(program), Ok(end), Ok(database), Ok(key)] = words else { return Ok(Vec::new()) };
    let path = CString::new(GETENT).map_err(|error| failed(&error))?;
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(|error| failed(&error))?;
    match sys::fork().map_err(|error| failed(&error))? {
        Forked::Child => {
            let started = answer_into(&writer, || {
                execve(&path, &[program, end, database, key], &[c"LC_ALL=C"])
            });
            sys::exit_now(match started {
                Err(Errno::ENOENT) => NO_GETENT,
                _ => NOT_STARTED,
            })
        }
        Forked::Parent(child) => {
            drop(writer);
            let answer = read_within(reader, PATIENCE);
            if answer.is_none() {
                let _ = kill(child, Signal::SIGKILL);
            }
            match (waitpid(child, None), answer) {
                (Ok(WaitStatus::Exited(_, 0)), Some(answer)) => Ok(answer),
                (Ok(WaitStatus::Exited(_, NOT_FOUND | NO_GETENT)), Some(_)) => Ok(Vec::new()),
                (Ok(WaitStatus::Exited(_, code)), Some(_)) => {
                    Err(failed(&format_args!("{GETENT} ended with exit code {code}")))
                }
                (Ok(_), None) => Err(failed(&"no answer within 10 seconds")),
                (Ok(_), Some(_)) => Err(failed(&"one of their modules crashed")),
                (Err(error), _) => Err(failed(&error)),
            }
        }
    }
}

/// In the child: nothing to read, nothing to complain to, and then the program.
fn answer_into<T>(
    writer: &OwnedFd,
    become_program: impl FnOnce() -> nix::Result<T>,
) -> nix::Result<T> {
    let null = open(c"/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    dup2_stdin(&null)?;
    dup2_stderr(&null)?;
    dup2_stdout(writer)?;
    become_program()
}

/// All that comes until the end, or None where the end does not come in time.
fn read_within(reader: OwnedFd, patience: Duration) -> Option<Vec<u8>> {
    let deadline = Instant::now() + patience;
    let mut reader = File::from(reader);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let mut watched = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
        if poll(&mut watched, timeout::until(Some(deadline))) == Ok(0) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_services_say_comes_back_whole() {
        let root = by_name("root").expect("an answer").expect("a user");
        assert_eq!((root.uid.as_raw(), root.gid.as_raw()), (0, 0));
        assert_eq!(by_uid(Uid::from_raw(0)), Ok(Some(root)));
        for nobody in ["no-such-user", "0", "--help", "-s", ""] {
            assert_eq!(by_name(nobody), Ok(None), "{nobody}");
        }
        assert_eq!(group("root"), Ok(Some(Gid::from_raw(0))));
        assert_eq!(group("no-such-group"), Ok(None));
        let groups = groups_of("root", Gid::from_raw(7)).expect("an answer");
        assert!(groups.contains(&Gid::from_raw(7)), "{groups:?}");
    }
}
