//! Resolved settings: every default filled in, every form checked. The rest of the program reads
//! these and never the raw file.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::secrets::Name;

use super::{Address, Keys, ServerKind, SourceSpec, Strategy};

#[derive(Debug)]
pub struct Settings {
    /// `--name`, else the config file's stem, else `keybearer`.
    pub name: String,
    pub config_file: Option<PathBuf>,
    /// Empty where none was given: `check` can live with that, `run` and `exec` cannot.
    pub command: Vec<OsString>,
    pub account: Option<AccountSpec>,
    pub directory: Option<PathBuf>,
    pub umask: u32,
    pub schema: SchemaChoice,
    pub sources: Vec<SourceSpec>,
    pub listen: Listen,
    /// `[server] kind`; where it is not given the command tells.
    pub server: Option<ServerKind>,
    pub ready: Ready,
    pub fetch_within: Duration,
    /// None: nothing of the stores is kept.
    pub cache: Option<CacheSettings>,
    /// As whom the helper asks the stores, where keybearer is root.
    pub helper_user: Option<String>,
    /// `[django] manage`
    pub manage: Option<Vec<OsString>>,
    pub keys: Keys,
    pub reload: Reload,
    pub watch: Watch,
    pub environment: EnvironmentSettings,
    /// Things to say once the log stands: unknown `KEYBEARER_*` variables, keys of the config that have
    /// no effect.
    pub warnings: Vec<String>,
}

/// `[cache]`: what stores gave last, for when they are away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// None: the instance's runtime directory.
    pub directory: Option<PathBuf>,
    pub max_age: Duration,
}

/// `user[:group]`, as written; `account` looks it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSpec {
    pub user: String,
    pub group: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaChoice {
    /// `schema = "django"`, and the default.
    Django,
    File(PathBuf),
}

impl fmt::Display for SchemaChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SchemaChoice::Django => f.write_str("the built-in schema 'django'"),
            SchemaChoice::File(path) => write!(f, "the schema '{}'", path.display()),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Listen {
    pub sockets: Vec<Address>,
    /// The mode of unix sockets; 0660.
    pub mode: u32,
}

#[derive(Debug, Clone)]
pub struct Ready {
    /// None: GET /, any answer under 500. Some: 2xx.
    pub path: Option<String>,
    pub within: Duration,
    pub headers: BTreeMap<String, String>,
    pub settle: Duration,
    pub liveness: bool,
}

#[derive(Debug, Clone)]
pub struct Reload {
    /// None: by the sockets; see [`Strategy::or_default`].
    pub strategy: Option<Strategy>,
    pub before: Vec<Vec<OsString>>,
    pub drain: Duration,
}

/// When to look at the sources without being asked. The default is never.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watch {
    /// Each host has looked within this time.
    pub every: Option<Duration>,
    /// Local files: as soon as they change.
    pub files: bool,
}

#[derive(Debug, Clone, Default)]
pub struct EnvironmentSettings {
    pub set: BTreeMap<Name, String>,
    pub unset: BTreeSet<Name>,
    pub clear: bool,
    pub keep: BTreeSet<Name>,
    /// Names that a source may set although they steer the loader, the interpreter or the shell.
    pub allow: BTreeSet<Name>,
}
