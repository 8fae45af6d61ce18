//! Arguments, variables and the config file: raw settings, then resolved settings.

#![forbid(unsafe_code)]

mod address;
mod server_kind;
mod settings;

pub use address::Address;
pub use server_kind::ServerKind;
pub use settings::*;
