use std::time::Duration;

use super::Hosts;
use crate::secrets::Name;

#[derive(Debug, Clone)]
pub struct Keys {
    /// None: SECRET_KEY, or DJANGO_SECRET_KEY where only that is there.
    pub current: Option<Name>,
    /// None: the current key's name with `_FALLBACKS`.
    pub fallbacks: Option<Name>,
    pub encoding: Encoding,
    pub keep: usize,
    pub grace: Duration,
    /// How old a key may get: what `rotate --due` goes by.
    pub every: Duration,
    /// None: by the source that the key turns out to come from; see [`Hosts::or_default`].
    pub hosts: Option<Hosts>,
    pub on_hup: OnHup,
    /// Whether a key that is carried goes into the document. None: into a local file.
    pub write_back: Option<bool>,
    /// Fallbacks from a store's own history; local sources have none.
    pub history: bool,
}

impl Default for Keys {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Keys {
            current: None,
            fallbacks: None,
            encoding: Encoding::default(),
            keep: 5,
            // Django's SESSION_COOKIE_AGE.
            grace: 14 * DAY,
            every: 90 * DAY,
            hosts: None,
            on_hup: OnHup::default(),
            write_back: None,
            history: false,
        }
    }
}

/// What SIGHUP does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnHup {
    /// Reads the sources again and takes over what changed.
    #[default]
    Fetch,
    /// Rotates: the whole cycle with a new key.
    Generate,
}

/// How a list is written into one variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    #[default]
    Comma,
    Json,
}
