//! What the text of a secret holds: the same for every store that keeps one text under one name.

#![forbid(unsafe_code)]
// A build with some of the stores needs some of it.
#![cfg_attr(
    not(all(feature = "aws-secrets-manager", feature = "aws-parameter-store")),
    allow(unused_imports, dead_code)
)]

mod content;
mod document;
mod shown;

pub use content::Content;
pub use shown::shown;
