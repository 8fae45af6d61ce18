//! Resolved settings: every default filled in, every form checked. The rest of the program reads
//! these and never the raw file.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::secrets::Name;

use super::{Address, Hosts, Remote, ServerKind, Strategy, Tool};

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

/// `user[:group]`, as written; looked up by `launch`.
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

/// What every source takes: first `prefix` picks by the source's own names, then `rename` gives the
/// site's names, then `only` picks by those. What rotation writes beside a Django key follows the key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    pub prefix: Option<String>,
    /// The site's name -> the source's name.
    pub rename: BTreeMap<Name, String>,
    pub only: Option<BTreeSet<Name>>,
}

impl Selection {
    /// What the source calls the site's variable.
    pub fn own_name<'a>(&'a self, site: &'a Name) -> &'a str {
        self.rename.get(site).map_or(site.as_str(), String::as_str)
    }

    /// Whether the site would get the variable, were it there, and under no other name.
    pub fn lets_in(&self, site: &Name) -> bool {
        let own = self.own_name(site);
        let is_others = self.rename.iter().any(|(other, theirs)| other != site && theirs == own);
        own.starts_with(self.prefix.as_deref().unwrap_or(""))
            && self.only.as_ref().is_none_or(|only| only.contains(site))
            && !is_others
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
pub struct Keys {
    /// None: SECRET_KEY, or DJANGO_SECRET_KEY where only that is there.
    pub current: Option<Name>,
    /// None: the current key's name with `_FALLBACKS`.
    pub fallbacks: Option<Name>,
    pub encoding: Encoding,
    pub keep: usize,
    pub grace: Duration,
    /// How old a key may get: what `rotate --due` goes by.
    pub every: Duration,
    /// None: by the source that the key turns out to come from; see [`Hosts::or_default`].
    pub hosts: Option<Hosts>,
    pub on_hup: OnHup,
    /// Whether a key that is carried goes into the document. None: into a local file.
    pub write_back: Option<bool>,
    /// Fallbacks from a store's own history; local sources have none.
    pub history: bool,
}

impl Default for Keys {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Keys {
            current: None,
            fallbacks: None,
            encoding: Encoding::default(),
            keep: 5,
            // Django's SESSION_COOKIE_AGE.
            grace: 14 * DAY,
            every: 90 * DAY,
            hosts: None,
            on_hup: OnHup::default(),
            write_back: None,
            history: false,
        }
    }
}

/// What SIGHUP does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnHup {
    /// Reads the sources again and takes over what changed.
    #[default]
    Fetch,
    /// Rotates: the whole cycle with a new key.
    Generate,
}

/// How a list is written into one variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    #[default]
    Comma,
    Json,
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
