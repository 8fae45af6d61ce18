//! Any bytes as an env file.

#![no_main]
#![forbid(unsafe_code)]

use std::path::Path;

use keybearer::secrets::Name;
use keybearer::sources::Error;
use keybearer::sources::env_file::{Parsed, parse};
use keybearer_fuzz::{MARK, SECRET, check_hidden, check_line, grow};
use libfuzzer_sys::fuzz_target;

const LONG: usize = 1 << 18;

fuzz_target!(|input: &[u8]| {
    if input.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()) {
        return;
    }
    let bytes = match grow() {
        true => input.repeat(LONG / input.len().max(1)),
        false => planted(input),
    };
    match parse(&bytes) {
        Ok(parsed) => check(&bytes, &parsed),
        Err(errors) => {
            assert!(!errors.is_empty());
            assert!(errors.iter().all(|error| error.line > 0 && error.column > 0));
            check_hidden(&format!("{errors:?}"));
            let error = Error::Syntax { path: Path::new("/site.env").to_owned(), errors };
            error.to_string().lines().for_each(check_line);
        }
    }
});

fn planted(input: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(input.len());
    for &byte in input {
        match [byte] == *MARK.as_bytes() {
            true => bytes.extend_from_slice(SECRET.as_bytes()),
            false => bytes.push(byte),
        }
    }
    bytes
}

fn check(bytes: &[u8], parsed: &Parsed) {
    check_hidden(&format!("{parsed:?}"));
    parsed.remarks.iter().for_each(|remark| check_line(&remark.to_string()));
    let mut end = 0;
    for assignment in &parsed.assignments {
        let name = assignment.name.as_str();
        assert_eq!(name.parse::<Name>().as_ref(), Ok(&assignment.name));
        assert!(!assignment.value.expose().contains('\0'));
        // The spans stand in the file's order, and what they hold is the value.
        assert!(assignment.span.start > end && bytes[assignment.span.start - 1] == b'=');
        end = assignment.span.end;
    }
    if bytes.len() < 4096 {
        parsed.assignments.iter().for_each(|assignment| {
            let line = [b"A=", &bytes[assignment.span.clone()], b"\n"].concat();
            let again = parse(&line).expect("a value that was read once");
            assert!(again.assignments.len() == 1, "a span holds more than one value");
            assert!(again.assignments[0].value == assignment.value, "a span holds another value");
        });
    }
}
