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
use nix::unistd::{Gid, Pid, Uid, dup2_stderr, dup2_stdin, dup2_stdout, execve, pipe2};

use super::{Unanswered, User, files, number};
use crate::sys::{self, Ending, Forked};
use crate::timeout;

/// The C library's own, which knows the machine's modules as a static executable cannot: getent(1).
const GETENT: &str = "/usr/bin/getent";
const NOT_FOUND: u8 = 2;
/// As a shell says that there is no such command, or that it cannot be executed.
const NO_GETENT: u8 = 127;
const NOT_STARTED: u8 = 126;

/// More than any answer.
const LIMIT: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(10);
/// Of what was killed. One that is stuck in the kernel is left to whoever reaps orphans.
const REAPING: Duration = Duration::from_millis(200);

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
                Err(Errno::ENOENT) => NO_GETENT.into(),
                _ => NOT_STARTED.into(),
            })
        }
        Forked::Parent(child) => {
            drop(writer);
            answered(child, reader, PATIENCE)
        }
    }
}

/// What the child says and how it ends, both within this time. It may close its output and go on.
fn answered(child: Pid, reader: OwnedFd, patience: Duration) -> Result<Vec<u8>, Unanswered> {
    let failed = |error: &dyn std::fmt::Display| Unanswered(error.to_string());
    let deadline = Instant::now() + patience;
    let answer = read_until(reader, deadline);
    let left = deadline.saturating_duration_since(Instant::now());
    let ending = sys::reap_within(child, left).map_err(|error| failed(&error))?;
    let (Some(answer), Some(ending)) = (answer, ending) else {
        if ending.is_none() {
            let _ = kill(child, Signal::SIGKILL);
            let _ = sys::reap_within(child, REAPING);
        }
        return Err(failed(&format_args!("no answer within {patience:?}")));
    };
    match ending {
        Ending::Code(0) => Ok(answer),
        Ending::Code(NOT_FOUND | NO_GETENT) => Ok(Vec::new()),
        Ending::Code(code) => Err(failed(&format_args!("{GETENT} ended with exit code {code}"))),
        Ending::Signal(_) => Err(failed(&"one of their modules crashed")),
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
fn read_until(reader: OwnedFd, deadline: Instant) -> Option<Vec<u8>> {
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
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn one_that_says_nothing_more_and_goes_on_is_not_waited_for() {
        for script in ["exec >&-; exec sleep 1000", "echo root:x:0; exec sleep 1000"] {
            let mut command = Command::new("/bin/sh");
            let child = command.args(["-c", script]).stdout(Stdio::piped()).spawn();
            let mut child = child.expect("started");
            let pid = Pid::from_raw(child.id().cast_signed());
            let reader = OwnedFd::from(child.stdout.take().expect("piped"));
            let error = answered(pid, reader, Duration::from_millis(50)).expect_err("no answer");
            assert_eq!(
                error.to_string(),
                Unanswered("no answer within 50ms".to_owned()).to_string()
            );
            assert_eq!(kill(pid, None), Err(Errno::ESRCH), "it is gone");
            // It was waited for above.
            assert!(child.try_wait().is_err());
        }
    }

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
