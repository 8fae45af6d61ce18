//! The sources of one site that others answer for: the helper is asked for what stores hold, commands for
//! what they print. What must survive between two of them is remembered here.

#![forbid(unsafe_code)]

mod asked;
mod cache;
mod caching;
mod error;
mod fetching;
mod interrupt;
mod job;
mod leases;
mod leasing;
mod looking;
mod memory;
mod reading;
mod staleness;
mod starter;
// One type per file, and the file named after it.
#[allow(clippy::module_inception)]
mod stores;

pub use asked::Asked;
pub use cache::Cache;
pub use error::Error;
pub use interrupt::Interrupt;
pub use job::Job;
pub use stores::Stores;
