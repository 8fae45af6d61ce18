//! What the server sees.

#![forbid(unsafe_code)]

mod build;
mod built;
mod difference;
mod digest;
// One type per file, and the file named after it.
#[allow(clippy::module_inception)]
mod environment;
mod key_in_use;
mod keyed;
mod mending;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

pub use built::Built;
pub use difference::Difference;
pub use digest::Digest;
pub use environment::Environment;
pub use key_in_use::KeyInUse;

/// The environment as it was inherited, in order.
pub fn inherited() -> BTreeMap<OsString, OsString> {
    std::env::vars_os()
        .filter(|(name, _)| !name.is_empty() && !name.clone().into_vec().contains(&b'='))
        .collect()
}
