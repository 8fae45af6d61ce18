use std::rc::Rc;

use crate::secrets::{Name, Secret};

use super::Error;

/// What one source gives, under the site's names.
#[derive(Debug)]
pub(super) struct Gathered {
    pub source: Rc<str>,
    pub values: Vec<(Name, Secret)>,
    pub taken: Vec<Name>,
    pub warnings: Vec<String>,
}

impl Gathered {
    pub(super) fn from(source: Rc<str>) -> Self {
        Gathered { source, values: Vec::new(), taken: Vec::new(), warnings: Vec::new() }
    }

    /// Takes a value that is text already.
    pub(super) fn push(&mut self, name: Name, value: Secret) -> Result<(), Error> {
        if value.expose().contains('\0') {
            return Err(Error::NulByte { from: self.source.to_string(), name });
        }
        self.values.push((name, value));
        Ok(())
    }

    /// Takes the bytes of one secret. One line end at the end goes: `echo` and most tools that
    /// write such files leave one.
    pub(super) fn push_file(&mut self, name: Name, bytes: &[u8]) -> Result<(), Error> {
        let bytes =
            bytes.strip_suffix(b"\r\n").or_else(|| bytes.strip_suffix(b"\n")).unwrap_or(bytes);
        if bytes.contains(&0) {
            return Err(Error::NulByte { from: self.source.to_string(), name });
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                self.values.push((name, Secret::new(text.to_owned())));
                Ok(())
            }
            Err(_) => Err(Error::NotUtf8 { from: self.source.to_string(), name }),
        }
    }
}
