//! What the server sees.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::account::Account;
use crate::config::EnvironmentSettings;
use crate::schema::{DjangoKeys, Validated, encode_keys};
use crate::secrets::{Fingerprint, Secret};

/// The variables of one generation. Made from validated secrets alone.
pub struct Environment {
    variables: BTreeMap<OsString, Secret>,
    inherited: BTreeMap<OsString, OsString>,
    /// For messages: which key signs here, and how many only verify.
    pub key: Option<KeyInUse>,
    /// The variable that carries the keys which only verify.
    pub fallbacks_name: Option<String>,
    /// One line each, without values.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyInUse {
    pub fingerprint: Fingerprint,
    pub fallbacks: usize,
}

/// What one variable did between two environments.
#[derive(Debug, PartialEq, Eq)]
pub enum Difference {
    Added(String),
    Changed(String),
    Removed(String),
}

impl Environment {
    pub fn build(
        validated: Validated,
        inherited: &BTreeMap<OsString, OsString>,
        settings: &EnvironmentSettings,
        account: &Account,
    ) -> Environment {
        let mut plain: BTreeMap<OsString, OsString> = inherited
            .iter()
            .filter(|(name, _)| {
                let kept = name.to_str().is_some_and(|name| settings.keep.contains(name));
                kept || !settings.clear
            })
            .filter(|(name, _)| !is_keybearers(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for name in &validated.taken {
            plain.remove(OsStr::new(name.as_str()));
        }

        if account.switch {
            // What described root must not describe the site's user, even one without an entry.
            for name in ["USER", "LOGNAME", "SHELL"] {
                plain.remove(OsStr::new(name));
            }
            plain.insert("HOME".into(), "/".into());
        }
        set(&mut plain, "HOME", account.home.as_deref().map(|path| path.as_os_str()));
        set(&mut plain, "SHELL", account.shell.as_deref().map(|path| path.as_os_str()));
        set(&mut plain, "USER", account.name.as_deref().map(OsStr::new));
        set(&mut plain, "LOGNAME", account.name.as_deref().map(OsStr::new));
        for (name, value) in &settings.set {
            plain.insert(name.as_str().into(), value.into());
        }
        for name in &settings.unset {
            plain.remove(OsStr::new(name.as_str()));
        }

        let mut variables: BTreeMap<OsString, Secret> = validated
            .variables
            .into_iter()
            .map(|(name, value)| (OsString::from(name.as_str()), value))
            .collect();
        let mut warnings = Vec::new();
        // Neither the config nor an `allow` for a source can stand in for what keybearer says itself.
        plain.retain(|name, _| !is_keybearers(name));
        variables.retain(|name, _| !is_keybearers(name));
        let fallbacks_name = validated.keys.as_ref().map(|keys| keys.fallbacks_name.to_string());
        let spare = validated.keys.as_ref().map(|keys| keys.current.duplicate());
        let key =
            validated.keys.map(|keys| insert_keys(&mut variables, &mut plain, &mut warnings, keys));
        for name in variables.keys() {
            plain.remove(name);
        }
        let others = ["SECRET_KEY_FALLBACKS", "DJANGO_SECRET_KEY_FALLBACKS"]
            .into_iter()
            .filter(|name| fallbacks_name.as_deref() != Some(name));
        for name in others {
            mend_fallbacks(name, &mut variables, &mut plain, &mut warnings, spare.as_ref());
        }
        Environment { variables, inherited: plain, key, fallbacks_name, warnings }
    }

    /// Where the secrets are not to be had: enough to find a command in.
    pub fn without_secrets(
        inherited: &BTreeMap<OsString, OsString>,
        settings: &EnvironmentSettings,
        account: &Account,
    ) -> Environment {
        let nothing = Validated {
            variables: BTreeMap::new(),
            keys: None,
            taken: Vec::new(),
            warnings: Vec::new(),
        };
        Environment::build(nothing, inherited, settings, account)
    }

    /// The variable's value, for what keybearer itself must know: the hosts that a probe may name,
    /// and where PATH leads.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        let name = OsStr::new(name);
        match self.variables.get(name) {
            Some(secret) => Some(OsStr::new(secret.expose())),
            None => self.inherited.get(name).map(OsString::as_os_str),
        }
    }

    /// `NAME=value`, as execve(2) takes them.
    pub fn strings(&self) -> Vec<CString> {
        let secrets = self.variables.iter().map(|(n, v)| (n, OsStr::new(v.expose())));
        let inherited = self.inherited.iter().map(|(n, v)| (n, v.as_os_str()));
        secrets.chain(inherited).filter_map(|(name, value)| assignment(name, value)).collect()
    }

    /// The same environment with one variable replaced.
    pub fn with(&self, name: &str, value: Secret) -> Environment {
        let mut variables: BTreeMap<OsString, Secret> =
            self.variables.iter().map(|(name, value)| (name.clone(), value.duplicate())).collect();
        variables.insert(name.into(), value);
        let mut inherited = self.inherited.clone();
        inherited.remove(OsStr::new(name));
        let fallbacks_name = self.fallbacks_name.clone();
        Environment { variables, inherited, key: self.key, fallbacks_name, warnings: Vec::new() }
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
        gone.chain(new).collect()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys().chain(self.inherited.keys())).finish()
    }
}

impl fmt::Display for KeyInUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.fallbacks == 1 { "" } else { "s" };
        write!(f, "key {}, {} fallback{plural}", self.fingerprint, self.fallbacks)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Added(name) => write!(f, "{name} is new"),
            Difference::Changed(name) => write!(f, "{name} changed"),
            Difference::Removed(name) => write!(f, "{name} is gone"),
        }
    }
}

fn assignment(name: &OsStr, value: &OsStr) -> Option<CString> {
    let mut text = Vec::with_capacity(name.len() + value.len() + 2);
    text.extend_from_slice(name.as_bytes());
    text.push(b'=');
    text.extend_from_slice(value.as_bytes());
    // Neither holds a NUL: secrets are validated, and the rest came through an environment.
    CString::new(text).ok()
}

fn set(variables: &mut BTreeMap<OsString, OsString>, name: &str, value: Option<&OsStr>) {
    if let Some(value) = value {
        variables.insert(name.into(), value.into());
    }
}

/// What is meant for keybearer and not for the site. sd_notify(3), sd_listen_fds(3), systemd.exec(5)
fn is_keybearers(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.starts_with(b"KEYBEARER_")
        || name.starts_with(b"WATCHDOG_")
        || name.starts_with(b"LISTEN_")
        || name == b"NOTIFY_SOCKET"
        || name == b"CREDENTIALS_DIRECTORY"
}

/// The fallbacks variable is never empty and never missing: `"".split(",")` is `[""]`, and with an
/// empty key among its fallbacks Django accepts a signature that anybody can make.
fn insert_keys(
    variables: &mut BTreeMap<OsString, Secret>,
    plain: &mut BTreeMap<OsString, OsString>,
    warnings: &mut Vec<String>,
    keys: DjangoKeys,
) -> KeyInUse {
    let name = &keys.fallbacks_name;
    if plain.get(OsStr::new(name.as_str())).is_some_and(|value| !value.is_empty()) {
        warnings.push(format!(
            "{name} is inherited and comes from no source, so it is not carried; \
             take it in with a source of type environment"
        ));
    }
    let in_use =
        KeyInUse { fingerprint: keys.current.fingerprint(), fallbacks: keys.fallbacks.len() };
    let carried: Vec<&str> = match keys.fallbacks.is_empty() {
        true => vec![keys.current.expose()],
        false => keys.fallbacks.iter().map(Secret::expose).collect(),
    };
    let list = encode_keys(&carried, keys.encoding);
    // A staged key is a secret of the rotation's, wherever it came from.
    plain.remove(OsStr::new(keys.current_name.with_suffix("_NEXT").as_str()));
    variables.insert(keys.fallbacks_name.as_str().into(), list);
    variables.insert(keys.current_name.as_str().into(), keys.current);
    in_use
}

/// A name that settings read their fallbacks from, other than the one in use: an empty one gets the
/// current key too, since somebody may read it; without a key it goes.
fn mend_fallbacks(
    name: &str,
    variables: &mut BTreeMap<OsString, Secret>,
    plain: &mut BTreeMap<OsString, OsString>,
    warnings: &mut Vec<String>,
    key: Option<&Secret>,
) {
    let variable = OsStr::new(name);
    let hole = |text: &str| text.split(',').any(|item| item.trim().is_empty());
    let given = variables.get(variable).is_some_and(|value| hole(value.expose()));
    let inherited = plain.get(variable).is_some_and(|value| hole(&value.to_string_lossy()));
    if !given && !inherited {
        return;
    }
    plain.remove(variable);
    let why = "with an empty fallback Django accepts what anybody signed";
    match key {
        Some(key) => {
            warnings.push(format!(
                "{name} has an empty item and holds the current key instead: {why}; \
                 take it out, or name it: [keys] fallbacks = \"{name}\""
            ));
            variables.insert(name.into(), key.duplicate());
        }
        None => {
            warnings.push(format!("{name} has an empty item, dropped: {why}; take it out"));
            variables.remove(variable);
        }
    }
}

/// The environment as it was inherited, in order.
pub fn inherited() -> BTreeMap<OsString, OsString> {
    std::env::vars_os()
        .filter(|(name, _)| !name.is_empty() && !name.clone().into_vec().contains(&b'='))
        .collect()
}
