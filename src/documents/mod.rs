//! Where the keys are kept, read with a version and written only if the version is still that one: two
//! who rotate at once cannot lose each other's key.

#![forbid(unsafe_code)]

mod content;
mod error;
mod fields;
mod own_names;
mod place;
#[cfg(test)]
mod tests;
mod version;

pub use error::Error;
pub use fields::Fields;
pub use place::Place;
pub use version::Version;
