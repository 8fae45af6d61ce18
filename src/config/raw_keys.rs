//! `[keys]`.

use std::time::Duration;

use crate::secrets::Name;

use super::forms::{duration, time_limit};
use super::raw::{DURATION, variable};
use super::table::Table;
use super::value::{Value, Wrong, boolean, choice, count, form};
use super::{Encoding, Error, Hosts, KeyNames, Keys, OnHup};

#[derive(Debug, Default)]
pub struct RawKeys {
    pub current: Option<Name>,
    pub fallbacks: Option<Name>,
    pub encoding: Option<Encoding>,
    pub keep: Option<usize>,
    pub grace: Option<Duration>,
    pub every: Option<Duration>,
    pub hosts: Option<Hosts>,
    pub on_hup: Option<OnHup>,
    pub write_back: Option<bool>,
    pub history: Option<bool>,
}

pub(super) fn keys(mut table: Table<'_>) -> Result<RawKeys, Error> {
    let keys = RawKeys {
        current: table.read("current", variable)?,
        fallbacks: table.read("fallbacks", variable)?,
        encoding: table
            .read("encoding", choice(&[("comma", Encoding::Comma), ("json", Encoding::Json)]))?,
        keep: table.read("keep", count(1, 100))?,
        grace: table.read("grace", form(DURATION, duration))?,
        every: table.read("every", form(DURATION, time_limit))?,
        hosts: table.read("hosts", hosts)?,
        on_hup: table
            .read("on-hup", choice(&[("fetch", OnHup::Fetch), ("generate", OnHup::Generate)]))?,
        write_back: table.read("write-back", boolean)?,
        history: table.read("history", boolean)?,
    };
    table.finish()?;
    match contradiction(&keys) {
        Some(message) => Err(table.error(message.to_owned())),
        None => Ok(keys),
    }
}

fn contradiction(keys: &RawKeys) -> Option<&'static str> {
    if keys.current.is_some() && keys.current == keys.fallbacks {
        return Some("'current' and 'fallbacks' in [keys] are the same");
    }
    let is_own = |name: &Option<Name>| {
        name.as_ref().is_some_and(|name| name.as_str().starts_with("KEYBEARER_"))
    };
    if is_own(&keys.current) || is_own(&keys.fallbacks) {
        return Some(
            "'current' or 'fallbacks' in [keys] begins with KEYBEARER_, and such a variable never \
             reaches the site; name the one that the settings read",
        );
    }
    if staged_over(keys) {
        return Some(
            "'fallbacks' in [keys] is where rotation stages the next key; name another variable",
        );
    }
    if keys.on_hup != Some(OnHup::Generate) {
        return None;
    }
    if keys.hosts == Some(Hosts::Many) {
        return Some(
            "on-hup = \"generate\" in [keys] rotates at once, and with hosts = \"many\" the other \
             hosts would not know the key; leave it out and use keybearer rotate, or set hosts = 1",
        );
    }
    if keys.write_back == Some(false) {
        return Some(
            "on-hup = \"generate\" in [keys] writes the new key to its document; leave out \
             write-back = false, or on-hup",
        );
    }
    None
}

fn staged_over(keys: &RawKeys) -> bool {
    let (current, fallbacks) = (keys.current.clone(), keys.fallbacks.clone());
    let keys = Keys { current, fallbacks, ..Keys::default() };
    KeyNames::candidates(&keys).iter().any(|names| names.fallbacks == names.next)
}

/// Several hosts read the document, or one alone.
fn hosts(value: &Value<'_>) -> Result<Hosts, Wrong> {
    if count(1, 1)(value).is_ok() {
        return Ok(Hosts::One);
    }
    choice(&[("many", Hosts::Many)])(value).map_err(|_| Wrong::at(value, "expected \"many\", or 1"))
}
