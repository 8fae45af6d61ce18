//! What a busy machine would break by its slowness alone: tests/run runs these one after the other, when
//! all else is done.

mod fleet;
mod leases;

use super::{Store, configured, ends, keybearer, status};
