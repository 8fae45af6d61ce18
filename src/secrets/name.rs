use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// The name of an environment variable: letters, digits and `_`, not a digit first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// The text is no variable name. It is not shown here: it may be a misplaced value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a variable name has letters, digits and '_', and starts with no digit")]
pub struct NotAName;

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This name with something appended, such as `_FALLBACKS`.
    pub fn with_suffix(&self, suffix: &str) -> Name {
        debug_assert!(suffix.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        Name(format!("{}{suffix}", self.0))
    }
}

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let mut bytes = text.bytes();
        let first = bytes.next().ok_or(NotAName)?;
        let good = (first.is_ascii_alphabetic() || first == b'_')
            && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if good { Ok(Name(text.to_owned())) } else { Err(NotAName) }
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["A", "_", "a1", "SECRET_KEY"] {
            assert_eq!(good.parse::<Name>().map(|n| n.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "1A", "A-B", "A.B", "A B", "Ä", "A\0", "A="] {
            assert_eq!(bad.parse::<Name>(), Err(NotAName), "{bad:?}");
        }
    }
}
