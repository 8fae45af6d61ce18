use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::Secret;

/// What may be shown of a key: the first 8 hex digits of SHA-256 over a fixed prefix and the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u32);

impl Fingerprint {
    /// The prefix keeps the digits from being those of a plain hash, which a table might hold.
    const PREFIX: &'static [u8] = b"keybearer fingerprint 1\0";

    pub fn of(secret: &Secret) -> Self {
        let digest = Sha256::new()
            .chain_update(Self::PREFIX)
            .chain_update(secret.expose().as_bytes())
            .finalize();
        Fingerprint(u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Not 8 hex digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAFingerprint;

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let read = u32::from_str_radix(text, 16).map(Fingerprint).map_err(|_| NotAFingerprint)?;
        if read.to_string() == text { Ok(read) } else { Err(NotAFingerprint) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_eight_digits_and_not_the_plain_hash() {
        let shown = Secret::new("abc".to_owned()).fingerprint().to_string();
        assert_eq!(shown.len(), 8);
        assert_ne!(shown, "ba7816bf");
    }

    #[test]
    fn is_read_back_as_it_was_written() {
        for text in ["00000000", "0a1b2c3d", "ffffffff"] {
            assert_eq!(
                text.parse::<Fingerprint>().map(|read| read.to_string()).as_deref(),
                Ok(text)
            );
        }
        for bad in ["", "a1b2c3d", "0A1B2C3D", "+a1b2c3d", "0a1b2c3d4", "0a1b2c3g"] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(NotAFingerprint), "{bad}");
        }
    }
}
