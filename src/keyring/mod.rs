//! Which keys sign and which verify, and how one takes the other's place. No file, process or clock
//! is touched here: what runs, what was fetched and what time it is come in as values.

#![forbid(unsafe_code)]

mod document;
mod keys;
mod record;

pub use document::Document;
pub use keys::Keys;
pub use record::{Dated, NotARecord, Record, Staged};
