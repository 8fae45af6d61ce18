use std::fmt::Write;

use keybearer::helper::{Failure, Kind};

use super::Client;

/// A name that nobody else has.
pub fn drawn(client: &Client) -> Result<String, Failure> {
    let mut bytes = [0; 16];
    keybearer::sys::random(&mut bytes)
        .map_err(|_| client.failure(Kind::Wrong, "the kernel gave no random bytes"))?;
    let mut text = String::with_capacity(32);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
