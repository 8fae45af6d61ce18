use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, geteuid};

use super::SOCKET;
use super::holder::Holder;
use super::places::Places;
use crate::config;

/// An instance of this host that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    pub name: String,
    /// Its control socket.
    pub socket: PathBuf,
    /// Whose socket it is: nobody else may answer for it.
    pub owner: Uid,
}

/// Those that this user may ask, by name.
pub fn running(environment: &BTreeMap<OsString, OsString>) -> Vec<Running> {
    running_in(&Places::of(environment))
}

/// None where no instance of this name runs, or none that this user may ask.
pub fn find(name: &str, environment: &BTreeMap<OsString, OsString>) -> Option<Running> {
    running(environment).into_iter().find(|instance| instance.name == name)
}

pub(super) fn running_in(places: &Places) -> Vec<Running> {
    let mut found: BTreeMap<String, Running> = BTreeMap::new();
    let given = places.given.as_deref().and_then(|place| {
        // Its directory has another name than itself.
        let name = Holder::of(place)?.name?;
        at(place, &name)
    });
    let named = places.well_known.iter().flat_map(|parent| below(parent));
    for instance in given.into_iter().chain(named) {
        found.entry(instance.name.clone()).or_insert(instance);
    }
    found.into_values().collect()
}

fn below(parent: &Path) -> Vec<Running> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            at(&parent.join(&name), &name)
        })
        .collect()
}

/// The instance in this directory: it lives, and this user may ask it. A link to a socket elsewhere is
/// believed only of root, or where both are one user's.
fn at(directory: &Path, name: &str) -> Option<Running> {
    let name = config::instance_name(name).ok()?;
    let socket = directory.join(SOCKET);
    let place = std::fs::symlink_metadata(directory).ok().filter(|found| found.is_dir())?;
    let found = std::fs::metadata(&socket).ok().filter(|found| found.file_type().is_socket())?;
    let own = geteuid();
    let may_ask = own.is_root() || found.uid() == own.as_raw();
    let vouched = place.uid() == 0 || place.uid() == found.uid();
    let instance = Running { name, socket, owner: Uid::from_raw(found.uid()) };
    (may_ask && vouched && Holder::is_there(directory)).then_some(instance)
}
