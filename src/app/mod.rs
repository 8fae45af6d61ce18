//! One straight function per command.

#![forbid(unsafe_code)]

pub mod completions;
pub mod init;
pub mod key;
mod output;
