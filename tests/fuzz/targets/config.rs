//! Any text as a config file.

#![no_main]
#![forbid(unsafe_code)]

use std::path::Path;

use keybearer::config::{self, Error};
use keybearer_fuzz::{check_line, is_in_a_key, plant};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let Some(text) = plant(input) else { return };
    match config::parse(&text, Path::new("/site.toml")) {
        Ok(raw) => {
            assert!(raw.command.is_none_or(|command| !command.is_empty()));
            assert!(raw.group.is_none() || raw.user.is_some());
        }
        Err(error) => {
            if !is_in_a_key(&text) {
                check_line(&error.to_string());
            }
            let Error::Form { line, column, .. } = error else { panic!("{error}") };
            assert!((1..=text.split('\n').count()).contains(&line) && column > 0);
        }
    }
});
