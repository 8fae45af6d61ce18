use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_eight_digits_and_not_the_plain_hash() {
        let shown = Secret::new("abc".to_owned()).fingerprint().to_string();
        assert_eq!(shown.len(), 8);
        assert_ne!(shown, "ba7816bf");
    }
}
