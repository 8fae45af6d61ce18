//! From a fork to the helper's own exec.

use std::ffi::{CString, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, execveat};

use super::{Error, Executable, User};
use crate::privileges::{Failure, Servant, Stage, in_child};

/// Sockets to every source at once, and a few files of the libraries.
const DESCRIPTORS: u64 = 256;
/// It writes no file.
const FILE_SIZE: u64 = 0;
/// Addresses, of which it uses a small part: a store that sends without end meets this, and not the
/// end of the host's memory.
const ADDRESSES: u64 = 1024 * 1024 * 1024;

const LIMITS: [(Resource, u64); 3] = [
    (Resource::RLIMIT_NOFILE, DESCRIPTORS),
    (Resource::RLIMIT_FSIZE, FILE_SIZE),
    (Resource::RLIMIT_AS, ADDRESSES),
];

/// What the child is made of, all of it there before the fork.
struct Start<'a> {
    executable: &'a Executable,
    variables: Vec<CString>,
    servant: Servant<'a>,
}

/// Starts it, and returns when it is past exec; our end of its socket does not block.
pub(super) fn start(
    executable: &Executable,
    user: &User,
    variables: &[(OsString, OsString)],
) -> Result<(Pid, OwnedFd), Error> {
    let failed = |what| move |error: Errno| Error::Start { what, error: error.into() };
    let (ours, theirs) =
        socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
            .map_err(failed("socketpair"))?;
    nix::fcntl::fcntl(&ours, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
        .map_err(failed("fcntl"))?;
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(failed("opening /dev/null"))?;
    let start = Start {
        executable,
        variables: variables.iter().filter_map(string).collect(),
        // The socket and nothing else; the executable closes itself on exec.
        servant: Servant::new(user.account(), [theirs.as_fd(), null.as_fd(), null.as_fd()]),
    };
    let process = in_child(3, || Err(start.child()))
        .map_err(|unborn| Error::from_unborn(unborn, executable.path(), user.account()))?;
    Ok((process, ours))
}

impl Start<'_> {
    fn child(&self) -> Failure {
        let at = |stage| move |error| Failure { stage, error };
        let prepare = || {
            self.servant.prepare()?;
            limit().map_err(at(Stage::Limits))
        };
        match prepare() {
            Err(failure) => failure,
            Ok(()) => at(Stage::Exec)(self.execute()),
        }
    }

    fn execute(&self) -> Errno {
        let Err(error) = execveat(
            self.executable.as_fd(),
            c"",
            &[c"keybearer-store"],
            &self.variables,
            AtFlags::AT_EMPTY_PATH,
        );
        error
    }
}

/// Never more than was allowed before, which it could not have.
fn limit() -> Result<(), Errno> {
    for (resource, wanted) in LIMITS {
        let (_, hard) = getrlimit(resource)?;
        setrlimit(resource, wanted.min(hard), wanted.min(hard))?;
    }
    Ok(())
}

/// `NAME=VALUE`. None where a NUL is in it, which nothing that was in an environment has.
fn string((name, value): &(OsString, OsString)) -> Option<CString> {
    let mut bytes = Vec::with_capacity(name.len() + value.len() + 2);
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(b'=');
    bytes.extend_from_slice(value.as_bytes());
    CString::new(bytes).ok()
}
