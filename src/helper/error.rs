use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::Uid;

use crate::account::{Account, AccountError};
use crate::exit::Exit;
use crate::files::{Refusal, command_word, quoted};
use crate::privileges::{Failure, Stage, Unborn};
use crate::sys::Ending;

/// Why there is no helper, or no answer of one. What a store said is in the answer, not here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot find keybearer-store, which asks the stores: looked for {}; install it beside keybearer", paths(.0))]
    Missing(Vec<PathBuf>),
    #[error(
        "cannot find keybearer's own executable in /proc, beside which keybearer-store is: {0}"
    )]
    OwnPath(io::Error),
    #[error(transparent)]
    Refused(Refusal),
    #[error(
        "there is neither a user 'keybearer' nor 'nobody' to run keybearer-store as; make one: useradd --system keybearer, or name one: helper-user = \"USER\""
    )]
    NoUser,
    #[error(
        "refusing to run keybearer-store as root: user '{0}' has uid 0; name another: helper-user = \"USER\""
    )]
    Root(String),
    #[error(
        "refusing to run keybearer-store under group '{0}', which is root's; name another user: helper-user = \"USER\""
    )]
    RootGroup(String),
    #[error(
        "refusing to run keybearer-store in root's group: user '{0}' is a member; run: gpasswd -d {0} root"
    )]
    RootMember(String),
    #[error(
        "cannot run keybearer-store as uid {0}, which has no entry in the user database and so no group; name another: helper-user = \"USER\""
    )]
    NoGroup(Uid),
    #[error(
        "could not stop keybearer-store of '{0}': the capability KILL is missing; \
         give it: CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_KILL, or --cap-add=KILL"
    )]
    WithoutKill(String),
    #[error("cannot run keybearer-store: {0}")]
    User(AccountError),
    #[error(
        "cannot execute {} as user '{user}': permission denied; run: chmod 755 {}",
        quoted(path),
        command_word(path)
    )]
    NotExecutable { path: PathBuf, user: String },
    #[error("cannot execute {}: {error}; install keybearer-store anew", quoted(path))]
    NotAProgram { path: PathBuf, error: Errno },
    #[error("cannot start keybearer-store as user '{user}': {what} failed: {error}")]
    Privileges { user: String, what: &'static str, error: Errno },
    #[error("cannot start keybearer-store: {what}: {error}")]
    Start { what: &'static str, error: io::Error },
    #[error("the request to keybearer-store takes {size} bytes; at most {limit} are sent")]
    TooMuch { size: usize, limit: usize },
    #[error("cannot wait for keybearer-store: {what}: {error}")]
    Wait { what: &'static str, error: Errno },
    #[error("keybearer-store {} before it answered", ended(*.0))]
    Ended(Ending),
    #[error("keybearer-store hung up before it answered")]
    HungUp,
    #[error(
        "keybearer-store gave an answer that cannot be read; install keybearer and keybearer-store of one version"
    )]
    Unreadable,
    #[error("keybearer-store began an answer of more than {limit} bytes")]
    TooLong { limit: usize },
    #[error("keybearer-store did not answer within {0:?}")]
    Late(Duration),
    #[error("interrupted while keybearer-store asked the stores")]
    Interrupted,
}

impl Error {
    pub fn exit(&self) -> Exit {
        match self {
            Error::Missing(_)
            | Error::NoUser
            | Error::Root(_)
            | Error::RootGroup(_)
            | Error::RootMember(_)
            | Error::NoGroup(_)
            | Error::NotAProgram { .. }
            | Error::TooMuch { .. } => Exit::Config,
            Error::Refused(refusal) => refusal.exit(),
            Error::User(error) => error.exit(),
            Error::WithoutKill(_) | Error::NotExecutable { .. } | Error::Privileges { .. } => {
                Exit::Refused
            }
            Error::OwnPath(_) | Error::Start { .. } | Error::Wait { .. } | Error::Interrupted => {
                Exit::Failure
            }
            // Another try may do better.
            Error::Ended(_)
            | Error::HungUp
            | Error::Unreadable
            | Error::TooLong { .. }
            | Error::Late(_) => Exit::Unreachable,
        }
    }

    pub(super) fn from_unborn(unborn: Unborn, path: &Path, account: &Account) -> Error {
        let Failure { stage, error } = match unborn {
            Unborn::Process { what, error } => return Error::Start { what, error },
            Unborn::Failed(failure) => failure,
        };
        let user = account.to_string();
        let path = path.to_owned();
        match stage {
            Stage::Exec => match error {
                Errno::EACCES => Error::NotExecutable { path, user },
                error => Error::NotAProgram { path, error },
            },
            Stage::Session
            | Stage::Group
            | Stage::Descriptors
            | Stage::Signals
            | Stage::Directory
            | Stage::Limits => Error::Start { what: stage.what(), error: error.into() },
            Stage::Groups
            | Stage::Gid
            | Stage::Uid
            | Stage::Capabilities
            | Stage::NoNewPrivileges
            | Stage::CoreLimit
            | Stage::Keyring
            | Stage::TerminalInput
            | Stage::Proof
            | Stage::ParentDeath => Error::Privileges { user, what: stage.what(), error },
        }
    }
}

fn paths(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| quoted(path)).collect();
    paths.join(", ")
}

fn ended(ending: Ending) -> String {
    match ending {
        Ending::Code(code) => format!("ended with code {code}"),
        Ending::Signal(_) => format!("was killed by {ending}"),
    }
}
