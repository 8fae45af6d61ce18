//! The remote sources of one site: the helper is asked for what they hold, and what must survive between
//! two helpers is remembered here.

#![forbid(unsafe_code)]

mod asked;
mod error;
mod memory;
mod stores;

pub use asked::Asked;
pub use error::Error;
pub use stores::{Interrupt, Stores};
