use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::rc::Rc;

use crate::config::Inherited;
use crate::secrets::Secret;

use super::Error;
use super::gathered::Gathered;
use super::selection::{Picks, choose};

/// Takes variables of the inherited environment: the server sees them as validated or not at all.
pub(super) fn fetch(
    wanted: &Inherited,
    selection: Picks<'_>,
    inherited: &BTreeMap<OsString, OsString>,
) -> Result<Gathered, Error> {
    let mut gathered = Gathered::from(Rc::from("the environment"));
    // A name that is not UTF-8 can be neither asked for nor matched by a prefix.
    let names = inherited.keys().filter_map(|name| name.to_str());
    let held: BTreeSet<String> = match wanted {
        Inherited::Prefix(prefix) => {
            names.filter(|name| name.starts_with(prefix)).map(str::to_owned).collect()
        }
        Inherited::Names(wanted) => {
            for name in wanted {
                if !inherited.contains_key(OsStr::new(name.as_str())) {
                    let (from, name) = (gathered.source.to_string(), name.to_string());
                    return Err(Error::NotHeld { from, name });
                }
            }
            wanted.iter().map(|name| name.to_string()).collect()
        }
    };
    for chosen in choose(selection, &held, &gathered.source, &mut gathered.warnings)? {
        let Some(value) = inherited.get(OsStr::new(&chosen.own)) else {
            continue;
        };
        let Some(value) = value.to_str() else {
            let from = gathered.source.to_string();
            return Err(Error::NotUtf8 { from, name: chosen.site });
        };
        gathered.values.push((chosen.site, Secret::new(value.to_owned())));
        // One with a name that is none cannot be listed; no shell or settings file reads it.
        gathered.taken.extend(chosen.own.parse());
    }
    Ok(gathered)
}
