use std::collections::BTreeMap;

use crate::config::Encoding;
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

/// The key that signs and those that only verify.
#[derive(Debug)]
pub struct DjangoKeys {
    pub current_name: Name,
    pub fallbacks_name: Name,
    pub encoding: Encoding,
    pub current: Secret,
    /// As the source gives them, trimmed, without empty ones and duplicates; may be empty here, and
    /// `environment` sees to it that the variable never is.
    pub fallbacks: Vec<Secret>,
}
