use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value, json};

use crate::moment::Moment;
use crate::secrets::Fingerprint;

/// Times and fingerprints of a rotation, kept in the document as KEYBEARER_ROTATION. It holds no key.
///
/// ```json
/// {"version":1,"current":{"key":"0a1b2c3d","since":"2026-11-21T07:34:21Z"},
///  "staged":{"key":"4e5f6071","at":"...","due":"..."},
///  "fallbacks":[{"key":"8293a4b5","until":"..."}],"revoked":["c6d7e8f9"]}
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Since when the current key signs. It says nothing about another key than the one it names.
    pub current: Option<Dated>,
    pub staged: Option<Staged>,
    /// Until when a fallback is kept. One that is not named here has no such time.
    pub fallbacks: Vec<Dated>,
    /// Keys that must never verify again, the latest first.
    pub revoked: Vec<Fingerprint>,
}

/// A key and its moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    pub key: Fingerprint,
    pub at: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staged {
    pub key: Fingerprint,
    pub at: Moment,
    /// When every host must have taken it over; None where nobody can tell.
    pub due: Option<Moment>,
}

/// The text is none that keybearer wrote. Without a word of it: it may hold anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotARecord;

const VERSION: u64 = 1;

/// More than a document ever has; a bound for what is read.
const MOST: usize = 1_000;

impl Record {
    /// Nothing to say: the variable need not be there.
    pub fn is_empty(&self) -> bool {
        *self == Record::default()
    }

    pub fn is_revoked(&self, key: Fingerprint) -> bool {
        self.revoked.contains(&key)
    }

    /// Until when this fallback is kept, where that is known.
    pub fn until(&self, key: Fingerprint) -> Option<Moment> {
        self.fallbacks.iter().find(|dated| dated.key == key).map(|dated| dated.at)
    }

    /// The time of this fallback has come and gone.
    pub fn is_past(&self, key: Fingerprint, now: Moment) -> bool {
        self.until(key).is_some_and(|until| until < now)
    }

    /// What is known of the staged key.
    pub fn staged(&self, key: Fingerprint) -> Option<Staged> {
        self.staged.filter(|staged| staged.key == key)
    }

    /// Since when this key signs, where that is known.
    pub fn since(&self, key: Fingerprint) -> Option<Moment> {
        self.current.filter(|dated| dated.key == key).map(|dated| dated.at)
    }
}

/// One line of JSON.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = |key: Fingerprint| Value::from(key.to_string());
        let mut record = Map::new();
        record.insert("version".to_owned(), VERSION.into());
        if let Some(Dated { key: of, at }) = self.current {
            record.insert("current".to_owned(), json!({ "key": key(of), "since": at.to_string() }));
        }
        if let Some(Staged { key: of, at, due }) = self.staged {
            let mut staged = json!({ "key": key(of), "at": at.to_string() });
            if let Some(due) = due {
                staged["due"] = due.to_string().into();
            }
            record.insert("staged".to_owned(), staged);
        }
        if !self.fallbacks.is_empty() {
            let fallbacks = self.fallbacks.iter();
            let list: Vec<Value> = fallbacks
                .map(|dated| json!({ "key": key(dated.key), "until": dated.at.to_string() }))
                .collect();
            record.insert("fallbacks".to_owned(), list.into());
        }
        if !self.revoked.is_empty() {
            let list: Vec<Value> = self.revoked.iter().copied().map(key).collect();
            record.insert("revoked".to_owned(), list.into());
        }
        write!(f, "{}", Value::from(record))
    }
}

/// Fields that are not known are those of a later version, which keeps the number only where an older
/// program may pass them over.
impl FromStr for Record {
    type Err = NotARecord;

    fn from_str(text: &str) -> Result<Record, NotARecord> {
        let value: Value = serde_json::from_str(text).map_err(|_| NotARecord)?;
        let record = value.as_object().ok_or(NotARecord)?;
        if record.get("version").and_then(Value::as_u64) != Some(VERSION) {
            return Err(NotARecord);
        }
        Ok(Record {
            current: record.get("current").map(|value| dated(value, "since")).transpose()?,
            staged: record.get("staged").map(staged).transpose()?,
            fallbacks: list(record.get("fallbacks"), |value| dated(value, "until"))?,
            revoked: list(record.get("revoked"), |value| read(Some(value)))?,
        })
    }
}

fn dated(value: &Value, word: &str) -> Result<Dated, NotARecord> {
    Ok(Dated { key: read(value.get("key"))?, at: read(value.get(word))? })
}

fn staged(value: &Value) -> Result<Staged, NotARecord> {
    let due = value.get("due").map(|due| read(Some(due))).transpose()?;
    Ok(Staged { key: read(value.get("key"))?, at: read(value.get("at"))?, due })
}

fn list<T>(
    value: Option<&Value>,
    item: impl Fn(&Value) -> Result<T, NotARecord>,
) -> Result<Vec<T>, NotARecord> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let items = value.as_array().filter(|items| items.len() <= MOST).ok_or(NotARecord)?;
    items.iter().map(item).collect()
}

fn read<T: FromStr>(value: Option<&Value>) -> Result<T, NotARecord> {
    value.and_then(Value::as_str).and_then(|text| text.parse().ok()).ok_or(NotARecord)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_back_as_it_was_written() {
        let key = |text: &str| text.parse::<Fingerprint>().expect("a fingerprint");
        let at = Moment::from_unix;
        let whole = Record {
            current: Some(Dated { key: key("0a1b2c3d"), at: at(1_795_246_461) }),
            staged: Some(Staged { key: key("4e5f6071"), at: at(1), due: Some(at(2)) }),
            fallbacks: vec![Dated { key: key("8293a4b5"), at: at(3) }],
            revoked: vec![key("c6d7e8f9")],
        };
        let no_due = Record {
            staged: Some(Staged { key: key("4e5f6071"), at: at(1), due: None }),
            ..Record::default()
        };
        for record in [Record::default(), whole, no_due] {
            let text = record.to_string();
            assert!(!text.contains('\n') && !text.contains('\''), "{text}");
            assert_eq!(text.parse::<Record>(), Ok(record));
        }
    }

    #[test]
    fn what_is_no_record() {
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"version":2}"#,
            r#"{"version":1,"current":{"key":"0a1b2c3d"}}"#,
            r#"{"version":1,"staged":{"key":"x","at":"1970-01-01T00:00:00Z"}}"#,
            r#"{"version":1,"revoked":"0a1b2c3d"}"#,
            r#"{"version":1,"fallbacks":[{"key":"0a1b2c3d","until":"tomorrow"}]}"#,
        ] {
            assert_eq!(bad.parse::<Record>(), Err(NotARecord), "{bad}");
        }
        assert!(r#"{"version":1,"later":true}"#.parse::<Record>().is_ok());
    }
}
