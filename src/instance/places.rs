use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// Where the directories of instances are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    /// The one that systemd made for this unit.
    pub given: Option<PathBuf>,
    /// Below these each instance has a directory of its name, where an operator looks for it.
    pub well_known: Vec<PathBuf>,
}

impl Places {
    pub fn of(environment: &BTreeMap<OsString, OsString>) -> Places {
        let get = |name: &str| environment.get(OsStr::new(name)).map(PathBuf::from);
        let given = get("RUNTIME_DIRECTORY").and_then(|list| {
            // Several are separated by colons: systemd.exec(5).
            let first = list.to_str()?.split(':').next()?;
            Some(PathBuf::from(first))
        });
        let session = get("XDG_RUNTIME_DIR").filter(|path| path.is_absolute());
        let session = session.filter(|_| !geteuid().is_root()).map(|path| path.join("keybearer"));
        let all = [Some(Path::new("/run/keybearer").to_owned()), session];
        Places {
            given: given.filter(|path| path.is_absolute()),
            well_known: all.into_iter().flatten().collect(),
        }
    }

    /// The best first.
    pub fn well_known_for(&self, name: &str) -> Vec<PathBuf> {
        self.well_known.iter().map(|place| place.join(name)).collect()
    }

    /// The best first, systemd's before all others.
    pub fn all_for(&self, name: &str) -> Vec<PathBuf> {
        self.given.iter().cloned().chain(self.well_known_for(name)).collect()
    }
}
