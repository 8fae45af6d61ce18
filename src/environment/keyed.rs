use std::collections::BTreeSet;
use std::ffi::{CString, OsStr, OsString};
use std::rc::Rc;

use super::Difference;
use super::environment::assignment;
use crate::config::Encoding;
use crate::keyring::Keys;
use crate::schema::encode_keys;
use crate::secrets::{Name, Secret};

/// The keys, and how the site reads them.
pub(super) struct Keyed {
    pub keys: Keys,
    pub names: Rc<KeyNames>,
}

pub(super) struct KeyNames {
    pub current: Name,
    pub fallbacks: Name,
    pub encoding: Encoding,
    /// Lists of fallbacks under another usual name that had an empty item: they hold the current key.
    pub mended: Vec<OsString>,
}

impl Keyed {
    pub fn assignments(&self) -> Vec<CString> {
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
pub(super) fn differences(before: Option<&Keyed>, next: Option<&Keyed>) -> Vec<Difference> {
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
