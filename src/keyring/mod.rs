//! Which keys sign and which verify, and how one takes the other's place. No file, process or clock
//! is touched here: what runs, what was fetched and what time it is come in as values.
//!
//! # The rules of a plan
//!
//! - The key in use is verified by the next environment, unless it was revoked.
//! - While generations overlap, a key signs only when the running one verifies it. One that it does not
//!   know is first put among the fallbacks, and signs in a second hand-over. A revoked key waits for
//!   nobody: the new one signs at once, and everybody signs in again.
//! - A key that signed here, and that the document does not have, is carried for the time of grace.
//!   What the document has is kept and dropped as the document says, except that a host which took a
//!   promotion over more than an hour late carries the old key for as long as its own users need it.
//! - The fallbacks are, in this order: the key in use, where it is about to be replaced; the staged
//!   one; those carried, the newest first; the document's. None of them twice, none that signs, none
//!   that was revoked, none past its time, and of too many the last ones go. A key in use has no time
//!   yet: its time begins when it stops.
//! - Only other keys are a reason to start a server again; another order is none.
//! - A plan goes by what runs. One that was cut in half resumes, and one that is through is empty.

#![forbid(unsafe_code)]

mod carried;
mod document;
mod due;
mod keys;
mod plan;
#[cfg(test)]
mod plan_tests;
mod policy;
#[cfg(test)]
mod properties;
mod record;
mod refused;
mod step;
pub mod steps;
#[cfg(test)]
mod steps_tests;

pub use carried::Carried;
pub use document::Document;
pub use due::{Due, due};
pub use keys::Keys;
pub use plan::{Plan, plan};
pub use policy::Policy;
pub use record::{Dated, NotARecord, Record, Staged};
pub use refused::Refused;
pub use step::Step;
