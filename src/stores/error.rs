use nix::sys::signal::Signal;

use crate::exit::Exit;
use crate::helper::{self, Failure, Kind};
use crate::tools;

/// Why the stores gave nothing. The helper's own lines name the store, the cause and the mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Helper(#[from] helper::Error),
    #[error(transparent)]
    Credentials(#[from] helper::CredentialError),
    #[error(transparent)]
    Tool(#[from] tools::Error),
    #[error("{}", lines(.0))]
    Failed(Vec<Failure>),
    #[error("keybearer-store answered another question than it was asked")]
    OtherAnswer,
    #[error("asked to end by {0} while the stores were asked")]
    Interrupted(Signal),
}

impl Error {
    /// Somebody else was faster.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Error::Failed(failures)
            if failures.iter().any(|failure| failure.kind == Kind::Conflict))
    }

    pub fn exit(&self) -> Exit {
        match self {
            Error::Helper(error) => error.exit(),
            Error::Credentials(error) => error.exit(),
            Error::Tool(error) => error.exit(),
            // One that cannot be helped by trying again decides.
            Error::Failed(failures) => {
                let last = failures.iter().find(|failure| failure.kind != Kind::Unreachable);
                let decides = last.or(failures.first());
                decides.map_or(Exit::Unreachable, |failure| failure.kind.exit())
            }
            Error::OtherAnswer => Exit::Unreachable,
            // The code is that of the signal: the caller knows it.
            Error::Interrupted(_) => Exit::Failure,
        }
    }
}

fn lines(failures: &[Failure]) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for failure in failures {
        // What is wrong with the helper itself is said of each source.
        if !lines.contains(&failure.message.as_str()) {
            lines.push(&failure.message);
        }
    }
    lines.join("\n")
}
