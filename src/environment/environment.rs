use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use super::keyed::{self, Keyed};
use super::{Difference, Digest, KeyInUse};
use crate::keyring::Keys;
use crate::secrets::{Name, Secret};

/// The variables of one generation. Made from validated secrets alone. Those of one round share
/// everything but their keys.
pub struct Environment {
    pub(super) variables: Rc<BTreeMap<OsString, Secret>>,
    pub(super) inherited: Rc<BTreeMap<OsString, OsString>>,
    pub(super) keyed: Option<Keyed>,
}

impl Environment {
    /// The value of a variable other than the keys, for what keybearer itself must know: the hosts that
    /// a probe may name, and where PATH leads.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        let name = OsStr::new(name);
        match self.variables.get(name) {
            Some(secret) => Some(OsStr::new(secret.expose())),
            None => self.inherited.get(name).map(OsString::as_os_str),
        }
    }

    pub fn keys(&self) -> Option<&Keys> {
        self.keyed.as_ref().map(|keyed| &keyed.keys)
    }

    pub fn key_in_use(&self) -> Option<KeyInUse> {
        self.keys().map(|keys| KeyInUse {
            fingerprint: keys.current.fingerprint(),
            fallbacks: keys.fallbacks.len(),
        })
    }

    /// The variable that carries the keys which only verify.
    pub fn fallbacks_name(&self) -> Option<&Name> {
        self.keyed.as_ref().map(|keyed| &keyed.names.fallbacks)
    }

    /// The same with other keys; without any where this one has none.
    pub fn with_keys(&self, keys: Keys) -> Environment {
        let names = self.keyed.as_ref().map(|keyed| Rc::clone(&keyed.names));
        Environment {
            variables: Rc::clone(&self.variables),
            inherited: Rc::clone(&self.inherited),
            keyed: names.map(|names| Keyed { keys, names }),
        }
    }

    /// `NAME=value`, as execve(2) takes them.
    pub fn strings(&self) -> Vec<CString> {
        let secrets = self.variables.iter().map(|(n, v)| (n, OsStr::new(v.expose())));
        let inherited = self.inherited.iter().map(|(n, v)| (n, v.as_os_str()));
        let plain = secrets.chain(inherited).filter_map(|(name, value)| assignment(name, value));
        let keyed = self.keyed.iter().flat_map(Keyed::assignments);
        plain.chain(keyed).collect()
    }

    pub fn digest(&self) -> Digest {
        Digest::of(self.strings().iter().map(CString::as_c_str))
    }

    /// What would be different for a server that was started with `self` if it were started with
    /// `next`; of secrets alone, since what was inherited cannot change.
    pub fn differences(&self, next: &Environment) -> Vec<Difference> {
        let shown = |name: &OsString| name.to_string_lossy().into_owned();
        let gone = self
            .variables
            .keys()
            .filter(|name| !next.variables.contains_key(*name))
            .map(|name| Difference::Removed(shown(name)));
        let new =
            next.variables.iter().filter_map(|(name, value)| match self.variables.get(name) {
                None => Some(Difference::Added(shown(name))),
                Some(old) if old != value => Some(Difference::Changed(shown(name))),
                Some(_) => None,
            });
        let keys = keyed::differences(self.keyed.as_ref(), next.keyed.as_ref());
        let mut all: Vec<Difference> = gone.chain(new).chain(keys).collect();
        all.sort_by(|one, other| one.name().cmp(other.name()));
        all
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keyed.iter().map(|keyed| keyed.names.current.as_str());
        let names = self.variables.keys().chain(self.inherited.keys()).map(OsString::as_os_str);
        f.debug_set().entries(names.chain(keys.map(OsStr::new))).finish()
    }
}

pub(super) fn assignment(name: &OsStr, value: &OsStr) -> Option<CString> {
    let mut text = Vec::with_capacity(name.len() + value.len() + 2);
    text.extend_from_slice(name.as_bytes());
    text.push(b'=');
    text.extend_from_slice(value.as_bytes());
    // Neither holds a NUL: secrets are validated, and the rest came through an environment.
    CString::new(text).ok()
}
