use std::path::Path;

use crate::config::Settings;
use crate::stores::{Cache, Stores};

/// `[cache]`, in the directory that it names or in this one. A word where there is none.
pub fn use_cache(
    stores: Option<&Stores>,
    settings: &Settings,
    directory: Option<&Path>,
) -> Option<&'static str> {
    let (stores, cache) = (stores?, settings.cache.as_ref()?);
    match cache.directory.as_deref().or(directory) {
        Some(directory) => {
            stores.use_cache(Cache::new(directory, &settings.name, cache.max_age));
            None
        }
        None => Some(
            "no directory for the cache of the stores, so nothing is kept; name one on a tmpfs: directory = \"...\" in [cache]",
        ),
    }
}
