use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use super::keyed::{KeyNames, Keyed};
use super::mending::{mend_others, take_over};
use super::{Built, Environment};
use crate::account::Account;
use crate::config::EnvironmentSettings;
use crate::keyring::Keys;
use crate::schema::Validated;
use crate::secrets::Secret;

/// From what was validated and what was inherited.
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
