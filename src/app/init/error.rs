use std::io;
use std::path::{Path, PathBuf};

use crate::app::output::Unwritable;
use crate::exit::Exit;
use crate::secrets::NoRandomness;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "'{}' is there already, and nothing is overwritten; give another directory or --name",
        path.display()
    )]
    Exists { path: PathBuf },
    #[error("'{}' is no directory", path.display())]
    NoDirectory { path: PathBuf },
    #[error("'{}' is missing; run: mkdir -p {}", parent.display(), super::texts::shell_word(parent))]
    NoParent { parent: PathBuf },
    #[error("cannot make '{}': {}", path.display(), source.kind())]
    Make { path: PathBuf, source: io::Error },
    #[error(
        "the directory's name cannot stand in a config file; give one in UTF-8, without control characters"
    )]
    Unwritten,
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error(transparent)]
    Output(#[from] Unwritable),
}

impl Error {
    pub(super) fn make(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists { path },
            _ => Error::Make { path, source },
        }
    }

    pub fn exit(&self) -> Exit {
        match self {
            Error::Exists { .. } | Error::NoDirectory { .. } | Error::NoParent { .. } => {
                Exit::Failure
            }
            Error::Make { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => Exit::Refused,
                _ => Exit::Failure,
            },
            Error::Unwritten => Exit::Usage,
            Error::Random(error) => error.exit(),
            Error::Output(error) => error.exit(),
        }
    }
}
