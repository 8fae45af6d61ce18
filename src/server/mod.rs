//! What is known of the servers: which of their options cannot work under a supervisor that holds the
//! sockets, and how each is known to be ready.

#![forbid(unsafe_code)]

mod gunicorn;
mod hosts;
mod readiness;

pub use gunicorn::{Objection, objections};
pub use hosts::probe_headers;
pub use readiness::{Way, way};
