//! From a TOML value to a setting. A message says what was expected and of which kind the value
//! is, never the value.

use std::collections::BTreeMap;
use std::ffi::OsString;

use toml::Spanned;
use toml::de::DeValue;

use super::closest;

pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// What is wrong, and at which byte of the text.
#[derive(Debug)]
pub(super) struct Wrong {
    pub at: usize,
    pub message: String,
}

impl Wrong {
    pub fn at(value: &Value<'_>, message: impl Into<String>) -> Self {
        Wrong { at: value.span().start, message: message.into() }
    }

    pub fn kind(value: &Value<'_>, expected: &str) -> Self {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        Wrong::at(value, format!("expected {expected}, found {found}"))
    }
}

/// A string of a given form. `what` is named where the value is no string at all.
pub(super) fn form<T>(
    what: &'static str,
    parse: impl Fn(&str) -> Result<T, &'static str>,
) -> impl Fn(&Value<'_>) -> Result<T, Wrong> {
    move |value| match value.get_ref() {
        DeValue::String(text) => parse(text).map_err(|message| Wrong::at(value, message)),
        _ => Err(Wrong::kind(value, what)),
    }
}

/// One of a few words.
pub(super) fn choice<T: Copy>(
    words: &'static [(&'static str, T)],
) -> impl Fn(&Value<'_>) -> Result<T, Wrong> {
    move |value| {
        let listed: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let expected = match listed.split_last() {
            Some((last, others)) if !others.is_empty() => {
                format!("{} or {last}", others.join(", "))
            }
            _ => listed.join(""),
        };
        let DeValue::String(text) = value.get_ref() else {
            return Err(Wrong::kind(value, &expected));
        };
        if let Some((_, chosen)) = words.iter().find(|(word, _)| word == text) {
            return Ok(*chosen);
        }
        let meant = match closest(text, words.iter().map(|(word, _)| *word)) {
            Some(word) => format!("; did you mean \"{word}\"?"),
            None => String::new(),
        };
        Err(Wrong::at(value, format!("expected {expected}{meant}")))
    }
}

pub(super) fn boolean(value: &Value<'_>) -> Result<bool, Wrong> {
    match value.get_ref() {
        DeValue::Boolean(boolean) => Ok(*boolean),
        _ => Err(Wrong::kind(value, "true or false")),
    }
}

/// An integer that counts something.
pub(super) fn count(least: u16, most: u16) -> impl Fn(&Value<'_>) -> Result<usize, Wrong> {
    move |value| {
        let expected = format!("a number from {least} to {most}");
        let DeValue::Integer(integer) = value.get_ref() else {
            return Err(Wrong::kind(value, &expected));
        };
        i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .and_then(|number| u16::try_from(number).ok())
            .filter(|number| (least..=most).contains(number))
            .map(usize::from)
            .ok_or_else(|| Wrong::at(value, format!("expected {expected}")))
    }
}

pub(super) fn list<T>(
    item: impl Fn(&Value<'_>) -> Result<T, Wrong>,
) -> impl Fn(&Value<'_>) -> Result<Vec<T>, Wrong> {
    move |value| match value.get_ref() {
        DeValue::Array(items) => items.iter().map(&item).collect(),
        _ => Err(Wrong::kind(value, "an array")),
    }
}

/// A list in which nothing would mean nothing useful.
pub(super) fn some<T>(
    item: impl Fn(&Value<'_>) -> Result<T, Wrong>,
) -> impl Fn(&Value<'_>) -> Result<Vec<T>, Wrong> {
    let list = list(item);
    move |value| match list(value)? {
        items if items.is_empty() => Err(Wrong::at(value, "expected at least one entry")),
        items => Ok(items),
    }
}

/// A table whose keys are names of the operator's own.
pub(super) fn map<K: Ord, V>(
    key: impl Fn(&str) -> Result<K, &'static str>,
    item: impl Fn(&Value<'_>) -> Result<V, Wrong>,
) -> impl Fn(&Value<'_>) -> Result<BTreeMap<K, V>, Wrong> {
    move |value| {
        let DeValue::Table(entries) = value.get_ref() else {
            return Err(Wrong::kind(value, "a table"));
        };
        entries
            .iter()
            .map(|(name, value)| {
                let name = key(name.get_ref()).map_err(|message| Wrong {
                    at: name.span().start,
                    message: message.to_owned(),
                })?;
                Ok((name, item(value)?))
            })
            .collect()
    }
}

/// A command as its words. No shell reads it, so one string is refused rather than cut up.
pub(super) fn words(value: &Value<'_>) -> Result<Vec<OsString>, Wrong> {
    if let DeValue::String(_) = value.get_ref() {
        return Err(Wrong::at(
            value,
            "expected an array of words, such as [\"gunicorn\", \"config.wsgi:application\"], \
             found a string; no shell reads it",
        ));
    }
    let words = some(form("a word in quotes", word))(value)?;
    match words.first() {
        Some(first) if first.is_empty() => {
            Err(Wrong::at(value, "expected the program as the first word, found an empty one"))
        }
        _ => Ok(words),
    }
}

fn word(text: &str) -> Result<OsString, &'static str> {
    if text.contains('\0') { Err("expected a word without NUL") } else { Ok(OsString::from(text)) }
}
