use std::io;

use zeroize::Zeroizing;

use super::Secret;
use crate::sys;

/// No key could be made.
#[derive(Debug, thiserror::Error)]
#[error("the kernel gives no random bytes: {0}")]
pub struct NoRandomness(io::Error);

impl NoRandomness {
    pub fn exit(&self) -> crate::exit::Exit {
        crate::exit::Exit::Failure
    }
}

const LENGTH: usize = 64;

/// Safe in every encoding: in a list with commas, in JSON, in a URL, in a shell and an env file.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/// A new key: 64 characters.
pub fn generate() -> Result<Secret, NoRandomness> {
    generate_of(LENGTH)
}

/// A new secret of so many characters, of 6 random bits each.
pub fn generate_of(length: usize) -> Result<Secret, NoRandomness> {
    let mut text = String::with_capacity(length);
    let mut random = Zeroizing::new([0u8; LENGTH]);
    while text.len() < length {
        sys::random(&mut random).map_err(NoRandomness)?;
        // 64 letters: the lower 6 bits name one, each as often as any other.
        let letters = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 63)]));
        text.extend(letters.take(length - text.len()));
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn any_length() {
        for length in [1, 24, 64, 65, 4096] {
            assert_eq!(generate_of(length).unwrap().expose().len(), length);
        }
    }

    #[test]
    fn a_key_is_64_of_the_alphabet_and_new_each_time() {
        let keys: Vec<Secret> = (0..64).map(|_| generate().unwrap()).collect();
        for key in &keys {
            assert_eq!(key.expose().len(), 64);
            assert!(key.expose().bytes().all(|byte| ALPHABET.contains(&byte)));
        }
        let different: BTreeSet<&str> = keys.iter().map(Secret::expose).collect();
        assert_eq!(different.len(), keys.len());
        // 4,096 draws leave out one letter of 64 with a probability of 1e-26.
        let used: BTreeSet<u8> = keys.iter().flat_map(|key| key.expose().bytes()).collect();
        assert_eq!(used.len(), 64);
    }
}
