use std::fmt;
use std::path::PathBuf;

use super::{Remote, Selection, Tool};
use crate::secrets::Name;

/// One `[[source]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpec {
    pub kind: SourceKind,
    pub selection: Selection,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    EnvFile {
        path: PathBuf,
    },
    Directory {
        path: PathBuf,
    },
    SystemdCredentials {
        wanted: Credentials,
    },
    Environment {
        wanted: Inherited,
    },
    /// Asked by the helper.
    Remote(Box<Remote>),
    /// Run by keybearer.
    Command(Box<Tool>),
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceKind::EnvFile { path } => write!(f, "'{}'", path.display()),
            SourceKind::Directory { path } => write!(f, "directory '{}'", path.display()),
            SourceKind::SystemdCredentials { .. } => f.write_str("systemd's credentials"),
            SourceKind::Environment { .. } => f.write_str("the environment"),
            SourceKind::Remote(remote) => remote.fmt(f),
            SourceKind::Command(tool) => tool.fmt(f),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Every file in $CREDENTIALS_DIRECTORY.
    All,
    Names(Vec<String>),
    /// One credential that is an env file.
    EnvFile(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inherited {
    Names(Vec<Name>),
    Prefix(String),
}
