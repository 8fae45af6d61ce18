//! What the fields of a document say, and how they are written.

use crate::config::Encoding;
use crate::keyring::{Document, Record};
use crate::schema::{decode_keys, encode_keys};
use crate::secrets::Secret;

use super::Error;
use super::own_names::OwnNames;

/// `get` gives a field's value. An empty one is none.
pub(super) fn read<'a>(
    names: &OwnNames,
    encoding: Encoding,
    from: &str,
    get: impl Fn(&str) -> Option<&'a Secret>,
) -> Result<Document, Error> {
    let given = |name: &str| get(name).filter(|value| !value.expose().is_empty());
    let about = |name: &str| (from.to_owned(), name.to_owned());
    let current = given(&names.current).ok_or_else(|| {
        let (from, name) = about(&names.current);
        Error::NoKey { from, name }
    })?;
    let list = given(&names.fallbacks).map_or("", Secret::expose);
    let fallbacks = decode_keys(list, encoding).map_err(|error| {
        let (from, name) = about(&names.fallbacks);
        Error::NoKeyList { from, name, error }
    })?;
    let record = match given(&names.record) {
        None => Record::default(),
        Some(text) => text.expose().parse().map_err(|_| {
            let (from, name) = about(&names.record);
            Error::NoRecord { from, name }
        })?,
    };
    let next = given(&names.next).map(Secret::duplicate);
    Ok(Document { current: current.duplicate(), fallbacks, next, record })
}

#[derive(Debug)]
pub(super) enum Field<'a> {
    Keep,
    Set(&'a Secret),
    Remove,
}

/// The fields as they are written; None: not there.
pub(super) struct Written {
    values: [Option<Secret>; 4],
    is_equal: [bool; 4],
}

impl Written {
    pub fn of(
        document: &Document,
        before: &Document,
        names: &OwnNames,
        encoding: Encoding,
        from: &str,
    ) -> Result<Written, Error> {
        let name = &names.fallbacks;
        let keys: Vec<&str> = document.fallbacks.iter().map(Secret::expose).collect();
        let is_item = |key: &&str| {
            let whole = !key.is_empty() && key.trim().len() == key.len();
            whole && (encoding == Encoding::Json || !key.contains(','))
        };
        if !keys.iter().all(is_item) {
            return Err(Error::NoItem { from: from.to_owned(), name: name.clone() });
        }
        let fallbacks = (!keys.is_empty()).then(|| encode_keys(&keys, encoding));
        let record = &document.record;
        let record = (!record.is_empty()).then(|| Secret::new(record.to_string()));
        let next = document.next.as_ref().map(Secret::duplicate);
        Ok(Written {
            values: [Some(document.current.duplicate()), fallbacks, next, record],
            is_equal: [
                document.current == before.current,
                document.fallbacks == before.fallbacks,
                document.next == before.next,
                document.record == before.record,
            ],
        })
    }

    pub fn is_equal(&self) -> bool {
        self.is_equal.iter().all(|equal| *equal)
    }

    /// Each field with what happens to it, in the order of `OwnNames::all`.
    pub fn fields(&self) -> [Field<'_>; 4] {
        std::array::from_fn(|at| match &self.values[at] {
            _ if self.is_equal[at] => Field::Keep,
            Some(value) => Field::Set(value),
            None => Field::Remove,
        })
    }
}
