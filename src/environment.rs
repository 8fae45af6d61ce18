//! What the server sees.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use crate::account::Account;
use crate::config::{Encoding, EnvironmentSettings};
use crate::keyring::Keys;
use crate::schema::{DjangoKeys, Validated, encode_keys};
use crate::secrets::{Fingerprint, Name, Secret};

/// The variables of one generation. Made from validated secrets alone. Those of one round share
/// everything but their keys.
pub struct Environment {
    variables: Rc<BTreeMap<OsString, Secret>>,
    inherited: Rc<BTreeMap<OsString, OsString>>,
    keyed: Option<Keyed>,
}

/// The keys, and how the site reads them.
struct Keyed {
    keys: Keys,
    names: Rc<KeyNames>,
}

struct KeyNames {
    current: Name,
    fallbacks: Name,
    encoding: Encoding,
    /// Lists of fallbacks under another usual name that had an empty item: they hold the current key.
    mended: Vec<OsString>,
}

/// An environment, and what else came of the secrets that it is made from.
#[derive(Debug)]
pub struct Built {
    pub environment: Environment,
    /// As their document has them. The environment has its current key and its fallbacks, until
    /// somebody who knows what runs decides otherwise.
    pub keys: Option<DjangoKeys>,
    /// One line each, without values.
    pub warnings: Vec<String>,
}

/// For messages: which key signs, and how many only verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyInUse {
    pub fingerprint: Fingerprint,
    pub fallbacks: usize,
}

/// Tells an environment from others when it is no longer there, and nothing else of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

/// What one variable did between two environments.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    ) -> Built {
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
        let keyed = validated.keys.as_ref().map(|keys| {
            take_over(keys, &mut variables, &mut plain, &mut warnings);
            let fallbacks = Some(keys.fallbacks_name.as_str());
            let mended = mend_others(fallbacks, &mut variables, &mut plain, &mut warnings);
            let names = KeyNames {
                current: keys.current_name.clone(),
                fallbacks: keys.fallbacks_name.clone(),
                encoding: keys.encoding,
                mended,
            };
            let fallbacks = keys.document.fallbacks.iter().map(Secret::duplicate).collect();
            let keys = Keys { current: keys.document.current.duplicate(), fallbacks };
            Keyed { keys, names: Rc::new(names) }
        });
        if keyed.is_none() {
            let _ = mend_others(None, &mut variables, &mut plain, &mut warnings);
        }
        for name in variables.keys() {
            plain.remove(name);
        }
        let (variables, inherited) = (Rc::new(variables), Rc::new(plain));
        let environment = Environment { variables, inherited, keyed };
        Built { environment, keys: validated.keys, warnings }
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
        Environment::build(nothing, inherited, settings, account).environment
    }

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
        let hasher = self.strings().iter().fold(Sha256::new(), |hasher, string| {
            // With the zero at its end, so that no two can be read as one.
            hasher.chain_update(string.as_bytes_with_nul())
        });
        Digest(hasher.finalize().into())
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
        let keys = key_differences(self.keyed.as_ref(), next.keyed.as_ref());
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

impl Keyed {
    fn assignments(&self) -> Vec<CString> {
        let KeyNames { current, fallbacks, encoding, mended } = &*self.names;
        // Never empty: `"".split(",")` is `[""]`, and with an empty key among its fallbacks Django
        // accepts a signature that anybody can make.
        let verifying: Vec<&str> = self.keys.verifying().into_iter().map(Secret::expose).collect();
        let list = encode_keys(&verifying, *encoding);
        let key = OsStr::new(self.keys.current.expose());
        let mended = mended.iter().map(|name| (name.as_os_str(), key));
        [
            (OsStr::new(current.as_str()), key),
            (OsStr::new(fallbacks.as_str()), OsStr::new(list.expose())),
        ]
        .into_iter()
        .chain(mended)
        .filter_map(|(name, value)| assignment(name, value))
        .collect()
    }

    fn names(&self) -> [&Name; 2] {
        [&self.names.current, &self.names.fallbacks]
    }
}

/// The order of the fallbacks alone makes no difference to what is verified.
fn key_differences(before: Option<&Keyed>, next: Option<&Keyed>) -> Vec<Difference> {
    let each = |keyed: &Keyed, difference: fn(String) -> Difference| {
        keyed.names().map(|name| difference(name.to_string())).to_vec()
    };
    match (before, next) {
        (None, None) => Vec::new(),
        (Some(before), None) => each(before, Difference::Removed),
        (None, Some(next)) => each(next, Difference::Added),
        (Some(before), Some(next)) if before.names() != next.names() => {
            let mut all = each(before, Difference::Removed);
            all.extend(each(next, Difference::Added));
            all
        }
        (Some(before), Some(next)) => {
            let current = before.keys.current != next.keys.current;
            let fallbacks = verifying(before) != verifying(next);
            let changed = [(current, &next.names.current), (fallbacks, &next.names.fallbacks)];
            let changed = changed.into_iter().filter(|(changed, _)| *changed);
            changed.map(|(_, name)| Difference::Changed(name.to_string())).collect()
        }
    }
}

fn verifying(keyed: &Keyed) -> BTreeSet<&str> {
    keyed.keys.fallbacks.iter().map(Secret::expose).collect()
}

impl Difference {
    pub fn name(&self) -> &str {
        match self {
            Difference::Added(name) | Difference::Changed(name) | Difference::Removed(name) => name,
        }
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

/// The variables that the keys stand in, whoever else had them.
fn take_over(
    keys: &DjangoKeys,
    variables: &mut BTreeMap<OsString, Secret>,
    plain: &mut BTreeMap<OsString, OsString>,
    warnings: &mut Vec<String>,
) {
    let name = &keys.fallbacks_name;
    if plain.get(OsStr::new(name.as_str())).is_some_and(|value| !value.is_empty()) {
        warnings.push(format!(
            "{name} is inherited and comes from no source, so it is not carried; \
             take it in with a source of type environment"
        ));
    }
    // A staged key is a secret of the rotation's, wherever it came from.
    let staged = keys.current_name.with_suffix("_NEXT");
    for name in [&keys.current_name, name, &staged] {
        plain.remove(OsStr::new(name.as_str()));
        variables.remove(OsStr::new(name.as_str()));
    }
}

/// The other names that settings usually read their fallbacks from: an empty item in one is filled with
/// the current key, since somebody may read it; without a key the variable goes. Answers with those that
/// the current key stands in for.
fn mend_others(
    fallbacks: Option<&str>,
    variables: &mut BTreeMap<OsString, Secret>,
    plain: &mut BTreeMap<OsString, OsString>,
    warnings: &mut Vec<String>,
) -> Vec<OsString> {
    let hole = |text: &str| text.split(',').any(|item| item.trim().is_empty());
    let why = "with an empty fallback Django accepts what anybody signed";
    let mut mended = Vec::new();
    for name in ["SECRET_KEY_FALLBACKS", "DJANGO_SECRET_KEY_FALLBACKS"] {
        let variable = OsStr::new(name);
        let given = variables.get(variable).is_some_and(|value| hole(value.expose()));
        let inherited = plain.get(variable).is_some_and(|value| hole(&value.to_string_lossy()));
        if fallbacks == Some(name) || !given && !inherited {
            continue;
        }
        plain.remove(variable);
        variables.remove(variable);
        match fallbacks {
            Some(_) => {
                warnings.push(format!(
                    "{name} has an empty item and holds the current key instead: {why}; \
                     take it out, or name it: [keys] fallbacks = \"{name}\""
                ));
                mended.push(name.into());
            }
            None => {
                warnings.push(format!("{name} has an empty item, dropped: {why}; take it out"));
            }
        }
    }
    mended
}

/// The environment as it was inherited, in order.
pub fn inherited() -> BTreeMap<OsString, OsString> {
    std::env::vars_os()
        .filter(|(name, _)| !name.is_empty() && !name.clone().into_vec().contains(&b'='))
        .collect()
}
