use crate::config::Encoding;
use crate::secrets::Name;

/// What the site calls its keys, and how it reads several. A staged key is called after the current
/// one, with `_NEXT`.
#[derive(Debug, Clone)]
pub struct Fields {
    pub current: Name,
    pub fallbacks: Name,
    pub encoding: Encoding,
}
