//! HTTP for the stores that are asked without a client of their own.
//!
//! No redirect is followed, no answer is read beyond a bound, and nothing of an answer reaches a message but
//! its status and words of a list of ours.

#![forbid(unsafe_code)]
// A build with one of the clouds needs some of it.
#![cfg_attr(
    not(all(feature = "google-secret-manager", feature = "azure-key-vault")),
    allow(unused_imports, dead_code)
)]

mod address;
mod ask;
mod client;
mod random;
mod reply;

pub use address::{host, link_local, near, secure};
pub use ask::Ask;
pub use client::Client;
pub use random::drawn;
pub use reply::Reply;
