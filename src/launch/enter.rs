use std::convert::Infallible;
use std::ffi::{CStr, CString, OsStr};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{Mode, stat, umask};
use nix::unistd::{AccessFlags, access, chdir, execve, getpid};

use super::Plan;
use crate::privileges::{Failure, Stage, become_account, errno};
use crate::sys;

/// The last steps before exec, in the process that will be the site. `last` are done when the ids are
/// set already.
pub(super) fn enter(
    plan: &Plan,
    sockets: &[(BorrowedFd<'_>, String)],
    last: impl FnOnce() -> Result<(), Failure>,
) -> Result<Infallible, Failure> {
    stand_in_place(plan)?;
    last()?;
    let descriptors: Vec<BorrowedFd<'_>> = sockets.iter().map(|(socket, _)| *socket).collect();
    sys::place(&descriptors)
        .map_err(|error| Failure { stage: Stage::Descriptors, error: errno(&error) })?;
    sys::reset_all();
    sys::unblock_all().map_err(|error| Failure { stage: Stage::Signals, error: errno(&error) })?;

    let mut strings = plan.strings.clone();
    strings.extend(socket_variables(sockets));
    Err(Failure { stage: Stage::Exec, error: execute(plan, &strings) })
}

/// The site's ids, mask and directory.
fn stand_in_place(plan: &Plan) -> Result<(), Failure> {
    become_account(&plan.account)?;
    umask(Mode::from_bits_truncate(plan.umask));
    match &plan.directory {
        Some(directory) => {
            chdir(directory).map_err(|error| Failure { stage: Stage::Directory, error })
        }
        None => Ok(()),
    }
}

/// As far as exec, but not over it: whether the command is there for the site's user to execute.
pub(super) fn rehearse(plan: &Plan) -> Result<(), Failure> {
    stand_in_place(plan)?;
    let mut answer = Errno::ENOENT;
    for path in &plan.candidates {
        // A directory can be "executable" too: access(2).
        let is_file = Path::new(OsStr::from_bytes(path.as_bytes())).is_file();
        match access(path.as_c_str(), AccessFlags::X_OK) {
            Ok(()) if is_file => return Ok(()),
            Ok(()) => answer = Errno::EACCES,
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(Errno::EACCES) if plan.searched() && is_hidden(path) => {}
            Err(error) => answer = error,
        }
    }
    Err(Failure { stage: Stage::Exec, error: answer })
}

/// sd_listen_fds(3). LISTEN_PID is the server's own process id, known only here.
fn socket_variables(sockets: &[(BorrowedFd<'_>, String)]) -> Vec<CString> {
    if sockets.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = sockets.iter().map(|(_, name)| name.as_str()).collect();
    [
        format!("LISTEN_FDS={}", sockets.len()),
        format!("LISTEN_PID={}", getpid()),
        format!("LISTEN_FDNAMES={}", names.join(":")),
    ]
    .into_iter()
    .filter_map(|text| CString::new(text).ok())
    .collect()
}

/// In a directory of PATH that the site's user may not search nothing is there for him; of a path that
/// was given whole, the denial is the news.
fn is_hidden(path: &CStr) -> bool {
    matches!(stat(path), Err(Errno::EACCES))
}

/// Tries the candidates as execvp(3) does: what is missing or denied in one directory may be in the
/// next, and a denial is what is reported in the end.
fn execute(plan: &Plan, strings: &[CString]) -> Errno {
    let mut answer = Errno::ENOENT;
    for path in &plan.candidates {
        let Err(error) = execve(path, &plan.argv, strings);
        match error {
            Errno::ENOENT | Errno::ENOTDIR => {}
            Errno::EACCES if plan.searched() && is_hidden(path) => {}
            Errno::EACCES => answer = Errno::EACCES,
            other => return other,
        }
    }
    answer
}
