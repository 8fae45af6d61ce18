use nix::unistd::Uid;

use super::ANSWER_LIMIT;
use crate::exit::Exit;

/// Why an instance that was asked has not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error(
        "no instance named '{name}' answers; start it, or ask as root or as the user that it runs as"
    )]
    Nobody { name: String },
    #[error("not permitted to ask '{name}'; ask as root or as the user that it runs as")]
    NotPermitted { name: String },
    #[error(
        "whoever listens for '{name}' is neither root nor the user that it runs as, but uid {uid}; see what that is: ps -u {uid}"
    )]
    Impostor { name: String, uid: Uid },
    #[error("'{name}' ended before it answered; its log says why")]
    Gone { name: String },
    #[error("'{name}' is there and does not answer; see what it does, or stop it")]
    Silent { name: String },
    #[error(
        "'{name}' answered with something that this keybearer does not understand ('{field}'); ask with the one that it runs"
    )]
    Malformed { name: String, field: &'static str },
    #[error(
        "'{name}' answered with more than {ANSWER_LIMIT} bytes; ask with the keybearer that it runs"
    )]
    TooLong { name: String },
    #[error(
        "'{name}' was asked for its {asked} and answered something else; ask with the keybearer that it runs"
    )]
    Unexpected { name: String, asked: &'static str },
}

impl Error {
    pub fn exit(&self) -> Exit {
        match self {
            Error::NotPermitted { .. } | Error::Impostor { .. } => Exit::Refused,
            Error::Nobody { .. }
            | Error::Gone { .. }
            | Error::Silent { .. }
            | Error::Malformed { .. }
            | Error::TooLong { .. }
            | Error::Unexpected { .. } => Exit::Unavailable,
        }
    }
}
