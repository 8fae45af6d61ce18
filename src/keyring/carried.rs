use crate::moment::Moment;
use crate::secrets::Secret;

/// A key that signed here and that the document does not hold. It lives in memory only.
#[derive(Debug, PartialEq, Eq)]
pub struct Carried {
    pub key: Secret,
    pub until: Moment,
}

impl Carried {
    pub fn duplicate(&self) -> Carried {
        Carried { key: self.key.duplicate(), until: self.until }
    }
}
