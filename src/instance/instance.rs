use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::unistd::Pid;

use super::claim::Claim;
use super::holder::Holder;
use super::places::Places;
use super::{Error, RuntimeDirectory, SOCKET};

/// Where an instance of this name keeps it, for a command that is none.
pub fn lasting(name: &str, environment: &BTreeMap<OsString, OsString>) -> Option<PathBuf> {
    let places = Places::of(environment);
    let mut all = places.well_known_for(name).into_iter().chain(places.given.clone());
    all.find(|place| place.is_dir())
}

/// What a running instance has on this host. Dropped, all of it goes, the directories last.
#[derive(Debug)]
pub struct Instance {
    name: String,
    link: Option<PathBuf>,
    claims: Vec<Claim>,
    runtime: io::Result<RuntimeDirectory>,
    well_known: Option<RuntimeDirectory>,
}

impl Instance {
    /// Takes the name. One that another instance has is refused; what a killed one left is taken over.
    /// Where no directory can be had there is nothing to take, and the site can start all the same.
    pub fn begin(
        name: &str,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Result<Instance, Error> {
        Instance::begin_in(&Places::of(environment), name)
    }

    pub(super) fn begin_in(places: &Places, name: &str) -> Result<Instance, Error> {
        let well_known = RuntimeDirectory::first(&places.well_known_for(name));
        let runtime = match RuntimeDirectory::first(&places.all_for(name)) {
            Some(directory) => Ok(directory),
            None => RuntimeDirectory::temporary(),
        };
        let mut instance =
            Instance { name: name.to_owned(), link: None, claims: Vec::new(), runtime, well_known };
        instance.claim()?;
        instance.leave_link();
        Ok(instance)
    }

    /// The name is that of the well-known directory, also where systemd gave each of two units another:
    /// an operator has only the name to ask by. systemd's is claimed too, because units may share one.
    fn claim(&mut self) -> Result<(), Error> {
        let own = self.runtime.as_ref().ok().filter(|directory| !directory.is_temporary());
        let mut places: Vec<PathBuf> = Vec::new();
        for directory in [self.well_known.as_ref(), own].into_iter().flatten() {
            let place = real(directory.path());
            if !places.contains(&place) {
                places.push(place);
            }
        }
        for place in places {
            match Claim::take(&place, &self.name) {
                Ok(claim) => self.claims.extend(claim),
                Err(holder) if holder.name.as_deref().is_none_or(|name| name == self.name) => {
                    return Err(Error::Running { name: self.name.clone(), pid: holder.pid });
                }
                // Another's directory: its sockets are not touched.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// So that an operator who knows the name finds the socket in systemd's directory.
    fn leave_link(&mut self) {
        let Some(known) = self.well_known.as_ref().filter(|known| self.holds(known.path())) else {
            return;
        };
        let Some(place) = self.control().filter(|place| real(place) != real(known.path())) else {
            return;
        };
        let link = known.path().join(SOCKET);
        // What is there was left by a killed instance of this name.
        let _ = std::fs::remove_file(&link);
        if symlink(place.join(SOCKET), &link).is_ok() {
            self.link = Some(link);
        }
    }

    fn holds(&self, directory: &Path) -> bool {
        let directory = real(directory);
        self.claims.iter().any(|claim| claim.directory() == Some(&directory))
    }

    /// For `check`, so that it can tell whose a used address is, and for others who use the same
    /// document.
    pub fn uses(&self, addresses: &[&str], document: Option<&str>) {
        let noted: Vec<&str> = addresses.iter().copied().chain(document).collect();
        for claim in &self.claims {
            // Without it `check` calls the address used, which it is.
            let _ = claim.note(&noted);
        }
    }

    /// The other instances of this host that use the document.
    pub fn others_that_use(
        &self,
        document: &str,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Vec<String> {
        let others = super::running(environment).into_iter().filter(|one| one.name != self.name);
        let use_it = others.filter(|one| {
            let holder = one.socket.parent().and_then(Holder::of);
            holder.is_some_and(|holder| holder.noted.iter().any(|noted| noted == document))
        });
        use_it.map(|one| one.name).collect()
    }

    /// For sockets of one process of keybearer's own.
    pub fn runtime(&self) -> &io::Result<RuntimeDirectory> {
        &self.runtime
    }

    /// What is kept for the next instance of this name: not where systemd clears up, if there is another.
    pub fn lasting(&self) -> Option<&Path> {
        let own = self.runtime.as_ref().ok().filter(|directory| !directory.is_temporary());
        self.well_known.as_ref().or(own).map(RuntimeDirectory::path)
    }

    /// Where the control socket belongs; None where nobody would find it there.
    pub fn control(&self) -> Option<&Path> {
        let own = self.runtime.as_ref().ok();
        let places = [own, self.well_known.as_ref()].into_iter().flatten();
        places.map(RuntimeDirectory::path).find(|place| self.holds(place))
    }

    /// The supervisor of the instance of this name that listens on `address`, if one does.
    pub fn listening(
        address: &str,
        name: &str,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Option<Pid> {
        Places::of(environment).all_for(name).into_iter().find_map(|place| {
            let holder = Holder::of(&place)?;
            holder.pid.filter(|_| holder.noted.iter().any(|held| held == address))
        })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            let _ = std::fs::remove_file(link);
        }
    }
}

/// Two ways to one directory are one directory.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
