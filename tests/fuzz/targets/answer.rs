//! Any bytes as the helper's answer.

#![no_main]
#![forbid(unsafe_code)]

use keybearer::helper::{Answer, decode_answer, encode_answer};
use keybearer_fuzz::{SECRET, check_line, grow};
use libfuzzer_sys::fuzz_target;

const LONG: usize = 1 << 22;

fuzz_target!(|input: &[u8]| {
    let bytes = match grow() {
        true => input.repeat(LONG / input.len().max(1)),
        false => input.to_vec(),
    };
    if bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()) {
        return;
    }
    let Ok(answer) = decode_answer(&bytes) else { return };
    if let Answer::Failed(failure) = &answer
        && !failure.message.is_empty()
    {
        check_line(&format!("keybearer: {}", failure.message));
    }
    // Nothing is lost or made up on the way.
    assert!(decode_answer(&encode_answer(&answer)).as_ref() == Ok(&answer));
});
