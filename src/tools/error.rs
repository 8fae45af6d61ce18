use nix::unistd::Uid;

use crate::account::AccountError;
use crate::exit::Exit;

/// Why there is nobody to run a command as.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "{tool}: there is neither a user 'keybearer' nor 'nobody' to run it as; make one: useradd --system keybearer, or name one in its [[source]]: user = \"USER\""
    )]
    NoUser { tool: String },
    #[error(
        "{tool}: refusing to run it as root: user '{user}' has uid 0; name another in its [[source]]: user = \"USER\""
    )]
    Root { tool: String, user: String },
    #[error(
        "{tool}: refusing to run it under group '{group}', which is root's; name another user in its [[source]]: user = \"USER\""
    )]
    RootGroup { tool: String, group: String },
    #[error(
        "{tool}: refusing to run it in root's group: user '{user}' is a member; run: gpasswd -d {user} root"
    )]
    RootMember { tool: String, user: String },
    #[error(
        "{tool}: uid {uid} has no entry in the user database and so no group; name another user in its [[source]]: user = \"USER\""
    )]
    NoGroup { tool: String, uid: Uid },
    #[error(
        "{tool}: it could not be stopped as user '{user}': the capability KILL is missing; \
         give it: CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_KILL, or --cap-add=KILL"
    )]
    WithoutKill { tool: String, user: String },
    #[error("{tool}: {error}")]
    Account { tool: String, error: AccountError },
}

impl Error {
    /// Those that speak of the site speak of the command here.
    pub(super) fn of(tool: String, error: AccountError) -> Error {
        match error {
            AccountError::Root(user) => Error::Root { tool, user },
            AccountError::RootGroup(group) => Error::RootGroup { tool, group },
            AccountError::RootMember(user) => Error::RootMember { tool, user },
            AccountError::NoGroup(uid) => Error::NoGroup { tool, uid },
            AccountError::WithoutKill(user) => Error::WithoutKill { tool, user },
            error @ (AccountError::NoUser
            | AccountError::UnknownUser(_)
            | AccountError::UnknownGroup(_)
            | AccountError::Lookup { .. }
            | AccountError::RootWithoutCapabilities(_)
            | AccountError::NotRoot(_)
            | AccountError::Kernel { .. }) => Error::Account { tool, error },
        }
    }

    pub fn exit(&self) -> Exit {
        match self {
            Error::NoUser { .. }
            | Error::Root { .. }
            | Error::RootGroup { .. }
            | Error::RootMember { .. }
            | Error::NoGroup { .. } => Exit::Config,
            Error::WithoutKill { .. } => Exit::Refused,
            Error::Account { error, .. } => error.exit(),
        }
    }
}
