use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use nix::unistd::Pid;

use crate::config::Strategy;
use crate::moment::Moment;
use crate::secrets::Fingerprint;

/// What an instance says of itself. It holds no secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    pub name: String,
    /// The supervisor's.
    pub pid: Pid,
    /// keybearer's own version.
    pub keybearer: String,
    pub state: State,
    /// The number of the generation that serves, or is the first to.
    pub generation: u64,
    /// The first process of it, and of the one that comes or goes.
    pub pids: Vec<Pid>,
    /// Since when this generation serves.
    pub since: Option<Moment>,
    pub strategy: Strategy,
    /// None: the site has no key.
    pub key: Option<KeyStatus>,
    /// What the key is read from and written to: two instances that use one document say the same.
    /// None where the sources give no key, or cannot be written.
    pub document: Option<String>,
    /// What the document calls the key.
    pub document_key: Option<String>,
    /// Where its settings come from; None: from options and variables alone.
    pub config: Option<String>,
    /// None: the built-in one.
    pub schema: Option<String>,
    pub sources: Vec<SourceStatus>,
    pub hand_overs_ok: u64,
    pub hand_overs_failed: u64,
    pub last: Option<LastHandOver>,
    pub fetched: Option<Moment>,
    pub fetch_failed: Option<FailedFetch>,
    /// Hand-overs in which the server was down in between.
    pub restarts: u64,
    pub started: Moment,
    pub addresses: Vec<String>,
}

impl Status {
    /// The oldest of what is from the cache, since a store was away.
    pub fn stale_since(&self) -> Option<Moment> {
        self.sources.iter().filter_map(|source| source.stale_since).min()
    }
}

/// The keys of the serving generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    pub current: Fingerprint,
    pub since: Option<Moment>,
    pub fallbacks: Vec<Fingerprint>,
    /// The one that is to come.
    pub next: Option<Fingerprint>,
    /// Fallbacks that are in memory only: a restart of keybearer would lose them.
    pub carried: Vec<Carried>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    pub key: Fingerprint,
    pub until: Moment,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceStatus {
    /// As messages show it.
    pub source: String,
    pub version: Option<String>,
    /// Until when what it gave is good, as far as is known now.
    pub lease_until: Option<Moment>,
    /// Its store was away, and what runs is what it held then, from the cache.
    pub stale_since: Option<Moment>,
    /// Its path, where it is an env file.
    pub env_file: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastHandOver {
    pub at: Moment,
    pub took: Duration,
    /// Why it failed, if it did.
    pub failed: Option<String>,
}

/// The last fetch, where it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedFetch {
    pub at: Moment,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Starting,
    Serving,
    /// The old generation serves, or both do.
    HandingOver,
    Stopping,
}

impl State {
    pub const ALL: [State; 4] =
        [State::Starting, State::Serving, State::HandingOver, State::Stopping];

    /// Whether a visitor is answered.
    pub fn serves(self) -> bool {
        match self {
            State::Serving | State::HandingOver => true,
            State::Starting | State::Stopping => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Starting => "starting",
            State::Serving => "serving",
            State::HandingOver => "handing-over",
            State::Stopping => "stopping",
        })
    }
}

impl FromStr for State {
    type Err = ();

    fn from_str(text: &str) -> Result<State, ()> {
        State::ALL.into_iter().find(|state| state.to_string() == text).ok_or(())
    }
}
