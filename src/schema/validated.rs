use std::collections::BTreeMap;

use crate::config::Encoding;
use crate::keyring::Document;
use crate::secrets::{Name, Secret};

/// Secrets that keep the schema's rules; the only thing an environment is made from.
#[derive(Debug)]
pub struct Validated {
    /// Everything but the Django keys, composed and defaulted.
    pub variables: BTreeMap<Name, Secret>,
    /// None only under a schema of one's own that has no such key and a source that gives none.
    pub keys: Option<DjangoKeys>,
    /// Inherited variables that a source has taken over.
    pub taken: Vec<Name>,
    /// One line each, without values.
    pub warnings: Vec<String>,
}

/// The Django keys as their source has them; what the site runs with is decided from that.
#[derive(Debug)]
pub struct DjangoKeys {
    pub current_name: Name,
    pub fallbacks_name: Name,
    pub encoding: Encoding,
    pub document: Document,
    /// Earlier keys that the store remembers and the document does not say, newest first.
    pub history: Vec<Secret>,
    /// The index of the `[[source]]` that gives the current key.
    pub origin: usize,
    /// The source of the fallbacks where it is another one: then rotation cannot write both.
    pub fallbacks_origin: Option<usize>,
}

impl DjangoKeys {
    /// What the site may verify with: what the document says, then what the store remembers.
    pub fn verifiable(&self) -> Document {
        let mut document = self.document.duplicate();
        document.fallbacks.extend(self.history.iter().map(Secret::duplicate));
        document
    }
}
