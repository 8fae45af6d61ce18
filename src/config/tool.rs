use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::files::quoted;
use crate::secrets::Name;

/// `type = "command"`: a program that prints secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// The first word is an absolute path.
    pub argv: Vec<OsString>,
    /// As whom it runs, where keybearer is root.
    pub user: Option<String>,
    pub format: ToolFormat,
    /// None: as long as `[fetch] within` lets it.
    pub within: Option<Duration>,
    /// Variables of keybearer's own environment that it needs. The site does not see them.
    pub keep: Vec<Name>,
}

/// What it prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ToolFormat {
    /// One JSON object.
    #[default]
    Json,
    /// An env file.
    Env,
}

impl Tool {
    pub fn program(&self) -> &Path {
        self.argv.first().map_or(Path::new(""), Path::new)
    }
}

/// As messages show it. Without its arguments: somebody may have put a secret there.
impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command {}", quoted(self.program()))
    }
}
