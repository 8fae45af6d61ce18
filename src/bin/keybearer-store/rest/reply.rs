use keybearer::secrets::Secret;
use serde_json::Value;
use zeroize::Zeroizing;

/// What came back.
pub struct Reply {
    pub status: u16,
    pub body: Zeroizing<Vec<u8>>,
    /// The value of the header that tells Google's metadata server from others.
    pub flavour: Option<String>,
}

impl Reply {
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Null where it is none, or nested too deeply.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The one of these words that this field of the answer is: no other text of it is shown.
    pub fn word(&self, path: &str, known: &[&'static str]) -> Option<&'static str> {
        let answer = self.json();
        let word = answer.pointer(path)?.as_str()?;
        known.iter().find(|known| **known == word).copied()
    }

    /// A text that is a secret.
    pub fn secret(&self, path: &str) -> Option<Secret> {
        let answer = self.json();
        let text = answer.pointer(path)?.as_str().filter(|text| !text.is_empty())?;
        Some(Secret::new(text.to_owned()))
    }
}
