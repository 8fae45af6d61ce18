use std::io;
use std::path::PathBuf;

use nix::errno::Errno;

use crate::exit::Exit;
use crate::privileges::{Failure, Stage, Unborn};

/// Why a command could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("no command given; name it after '--', or as command = [\"...\"] in the config")]
    NoCommand,
    #[error("argument {0} of the command holds a NUL byte, which no program can be given")]
    Nul(usize),
    #[error("cannot find '{0}' in PATH; give its whole path")]
    NotInPath(String),
    #[error("cannot find '{0}'; check the path of the command")]
    NotFound(String),
    #[error("cannot execute '{program}': its interpreter is missing; check its first line")]
    NoInterpreter { program: String },
    #[error("cannot execute '{program}': not a program, and no '#!' line says what runs it")]
    NotAProgram { program: String },
    #[error(
        "cannot execute '{program}' as user '{user}': permission denied; it must be executable by that user, and every directory above it searchable"
    )]
    NotExecutable { program: String, user: String },
    #[error("cannot execute '{program}': {error}")]
    Exec { program: String, error: Errno },
    #[error(
        "{variable} takes {size} bytes, and one string of an environment ends at {limit} (execve(2)); shorten the value"
    )]
    StringTooLong { variable: String, size: usize, limit: usize },
    #[error(
        "the environment and arguments take {size} bytes, and execve takes {limit} here; name fewer secrets in the schema, or raise the stack limit (ulimit -s)"
    )]
    TooLarge { size: usize, limit: usize },
    #[error(
        "cannot enter '{directory}' as user '{user}': {error}; check that it is there and that this user may search it"
    )]
    Directory { directory: PathBuf, user: String, error: Errno },
    #[error("cannot become user '{user}': {what} failed: {error}")]
    Privileges { user: String, what: &'static str, error: Errno },
    #[error("cannot start a process: {what}: {error}")]
    Process { what: &'static str, error: io::Error },
}

impl LaunchError {
    pub fn exit(&self) -> Exit {
        match self {
            LaunchError::NoCommand | LaunchError::Nul(_) => Exit::Usage,
            LaunchError::NotInPath(_) | LaunchError::NotFound(_) => Exit::NotFound,
            LaunchError::NoInterpreter { .. }
            | LaunchError::NotAProgram { .. }
            | LaunchError::NotExecutable { .. }
            | LaunchError::Exec { .. } => Exit::CannotExecute,
            LaunchError::StringTooLong { .. } | LaunchError::TooLarge { .. } => Exit::Config,
            LaunchError::Directory { error, .. } => match error {
                Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ENAMETOOLONG => Exit::Config,
                _ => Exit::Refused,
            },
            LaunchError::Privileges { .. } => Exit::Refused,
            LaunchError::Process { .. } => Exit::Failure,
        }
    }

    pub(super) fn from_unborn(unborn: Unborn, plan: &super::Plan) -> LaunchError {
        match unborn {
            Unborn::Process { what, error } => LaunchError::Process { what, error },
            Unborn::Failed(failure) => LaunchError::from_failure(failure, plan),
        }
    }

    /// What a child that could not become the site reported.
    pub(super) fn from_failure(failure: Failure, plan: &super::Plan) -> LaunchError {
        let Failure { stage, error } = failure;
        let user = plan.account.to_string();
        let program = plan.program();
        match stage {
            Stage::Directory => LaunchError::Directory {
                directory: plan.directory.clone().unwrap_or_default(),
                user,
                error,
            },
            Stage::Exec => match error {
                Errno::ENOENT | Errno::ENOTDIR if plan.somewhere() => {
                    LaunchError::NoInterpreter { program }
                }
                Errno::ENOENT | Errno::ENOTDIR if program.contains('/') => {
                    LaunchError::NotFound(program)
                }
                Errno::ENOENT | Errno::ENOTDIR => LaunchError::NotInPath(program),
                Errno::EACCES => LaunchError::NotExecutable { program, user },
                Errno::ENOEXEC => LaunchError::NotAProgram { program },
                Errno::E2BIG => {
                    LaunchError::TooLarge { size: plan.size(), limit: super::plan::execve_limit() }
                }
                error => LaunchError::Exec { program, error },
            },
            Stage::Descriptors | Stage::Signals | Stage::Session | Stage::Group => {
                LaunchError::Process { what: stage.what(), error: error.into() }
            }
            Stage::Groups
            | Stage::Gid
            | Stage::Uid
            | Stage::Capabilities
            | Stage::NoNewPrivileges
            | Stage::CoreLimit
            | Stage::Limits
            | Stage::Keyring
            | Stage::TerminalInput
            | Stage::Proof
            | Stage::ParentDeath => LaunchError::Privileges { user, what: stage.what(), error },
        }
    }
}
