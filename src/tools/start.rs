//! From a fork to the command's own exec.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, FcntlArg, OFlag, fcntl, open};
use nix::sys::stat::Mode;
use nix::sys::uio::pread;
use nix::unistd::{Pid, execve, execveat, pipe2};

use super::Tool;
use crate::exit::Exit;
use crate::files::{self, Refusal, command_word};
use crate::helper::{Failure, Kind};
use crate::privileges::{self, Servant, Stage, Unborn, in_child};

/// What is started, and what is read of it; our ends do not block.
pub(super) struct Started {
    pub process: Pid,
    pub output: OwnedFd,
    pub complaints: OwnedFd,
}

/// What the child is made of, all of it there before the fork.
struct Child<'a> {
    tool: &'a Tool,
    program: OwnedFd,
    /// Its interpreter opens it by its name.
    is_script: bool,
    path: CString,
    servant: Servant<'a>,
}

/// Judges it, starts it, and returns when it is past exec. What is judged is what is started: a program
/// is executed from the descriptor that was looked at, and no directory on the way to a script is in
/// anybody's hands but root's or keybearer's own user's.
pub(super) fn start(tool: &Tool) -> Result<Started, Failure> {
    let program = files::open_executable(&tool.path).map_err(|refusal| refused(tool, &refusal))?;
    let failed = |what: &'static str| {
        move |error: Errno| failure(tool, Kind::Failed, format!("{what}: {}", error.desc()))
    };
    let mut start = [0; 2];
    let is_script =
        pread(&program, &mut start, 0).map_err(failed("cannot read it"))? == 2 && start == *b"#!";
    let (output, their_output) = pipe().map_err(failed("cannot make a pipe"))?;
    let (complaints, their_complaints) = pipe().map_err(failed("cannot make a pipe"))?;
    let input = open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(failed("cannot open /dev/null"))?;
    let path = CString::new(tool.path.as_os_str().as_bytes())
        .map_err(|_| failed("cannot start it")(Errno::EINVAL))?;
    let streams = [input.as_fd(), their_output.as_fd(), their_complaints.as_fd()];
    let servant = Servant::new(&tool.account, streams);
    let child = Child { tool, program, is_script, path, servant };
    let process = in_child(3, || Err(child.become_it()))
        .map_err(|unborn| not_started(tool, is_script, &unborn))?;
    Ok(Started { process, output, complaints })
}

/// Ours to read, without waiting, and the other end.
fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (ours, theirs) = pipe2(OFlag::O_CLOEXEC)?;
    fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((ours, theirs))
}

impl Child<'_> {
    fn become_it(&self) -> privileges::Failure {
        match self.servant.prepare() {
            Err(failure) => failure,
            Ok(()) => privileges::Failure { stage: Stage::Exec, error: self.execute() },
        }
    }

    fn execute(&self) -> Errno {
        let (argv, variables) = (&self.tool.argv, &self.tool.variables);
        let executed = match self.is_script {
            true => execve(&self.path, argv, variables),
            false => execveat(self.program.as_fd(), c"", argv, variables, AtFlags::AT_EMPTY_PATH),
        };
        let Err(error) = executed;
        error
    }
}

fn failure(tool: &Tool, kind: Kind, what: impl std::fmt::Display) -> Failure {
    Failure::new(kind, format!("{}: {what}", tool.shown))
}

fn refused(tool: &Tool, refusal: &Refusal) -> Failure {
    let kind = match refusal.exit() {
        Exit::Refused => Kind::Refused,
        Exit::Config => Kind::Wrong,
        _ => Kind::Failed,
    };
    failure(tool, kind, refusal)
}

fn not_started(tool: &Tool, is_script: bool, unborn: &Unborn) -> Failure {
    let (stage, error) = match unborn {
        Unborn::Process { what, error } => {
            return failure(tool, Kind::Failed, format!("cannot start it: {what}: {error}"));
        }
        Unborn::Failed(privileges::Failure { stage, error }) => (*stage, *error),
    };
    let user = &tool.account;
    match (stage, error) {
        (Stage::Exec, Errno::EACCES) => {
            let word = command_word(&tool.path);
            let what = match is_script {
                true => format!(
                    "user '{user}' may not execute it or its interpreter; run: chmod 755 {word}"
                ),
                false => format!("user '{user}' may not execute it; run: chmod 755 {word}"),
            };
            failure(tool, Kind::Refused, what)
        }
        (Stage::Exec, Errno::ENOENT) if is_script => failure(
            tool,
            Kind::Wrong,
            "its interpreter does not exist; mend its first line, which begins with #!",
        ),
        (Stage::Exec, Errno::ENOENT) => {
            failure(tool, Kind::Wrong, "the loader that it needs does not exist; install it anew")
        }
        (Stage::Exec, Errno::ENOEXEC) => failure(
            tool,
            Kind::Wrong,
            "it is no program; a script needs #! and its interpreter in its first line",
        ),
        (stage, error) => {
            let what = format!("cannot start it as user '{user}': {}", stage.what());
            failure(tool, Kind::Failed, format!("{what}: {}", error.desc()))
        }
    }
}
