use crate::secrets::Name;

use super::Keys;

const NAME: &str = "SECRET_KEY";
const GUIDES_NAME: &str = "DJANGO_SECRET_KEY";
const RECORD: &str = "KEYBEARER_ROTATION";

/// The names of a Django key and of what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyNames {
    pub current: Name,
    pub fallbacks: Name,
    /// Where a key is staged.
    pub next: Name,
    /// Where rotation keeps its times and fingerprints.
    pub record: Name,
}

impl KeyNames {
    /// The key that `[keys] current` names; without it each that the key may have, the likelier
    /// first.
    pub fn candidates(keys: &Keys) -> Vec<KeyNames> {
        let of = |current| KeyNames::of(current, keys.fallbacks.clone());
        match &keys.current {
            Some(current) => vec![of(current.clone())],
            None => [NAME, GUIDES_NAME].map(known_name).map(of).into(),
        }
    }

    fn of(current: Name, fallbacks: Option<Name>) -> KeyNames {
        let fallbacks = fallbacks.unwrap_or_else(|| current.with_suffix("_FALLBACKS"));
        let next = current.with_suffix("_NEXT");
        KeyNames { current, fallbacks, next, record: known_name(RECORD) }
    }

    pub fn contains(&self, name: &Name) -> bool {
        *name == self.current || self.beside().contains(&name)
    }

    /// What rotation writes beside the key.
    pub fn beside(&self) -> [&Name; 3] {
        [&self.fallbacks, &self.next, &self.record]
    }

    /// What rotation writes beside the key and the site never sees.
    pub fn own(&self) -> [&Name; 2] {
        [&self.next, &self.record]
    }
}

/// A name that stands in this program's text.
pub fn known_name(text: &'static str) -> Name {
    // Every caller passes a constant of letters and underscores, and the tests run through them.
    text.parse().expect("a constant that is a variable name")
}
