//! Where the keys are kept, read with a version and written only if the version is still that one: two
//! who rotate at once cannot lose each other's key.

#![forbid(unsafe_code)]

mod content;
mod error;
mod fields;
mod in_file;
mod in_store;
mod own_names;
mod place;
#[cfg(test)]
mod tests;
mod value;
mod version;

pub use error::Error;
pub use fields::Fields;
pub use in_file::InFile;
pub use in_store::InStore;
pub use place::Place;
pub use value::ValuePlace;
pub use version::Version;
