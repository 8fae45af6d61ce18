use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::value::{Value, Wrong};
use super::{Error, closest, expand};

/// Each key that was asked for, after the label of its table.
pub(super) type Asked = RefCell<BTreeSet<(String, &'static str)>>;

/// The text that positions are counted in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Document<'a> {
    pub text: &'a str,
    pub file: &'a Path,
    /// Kept where somebody wants to know which keys there are.
    pub asked: Option<&'a Asked>,
    /// What `${NAME}` stands for.
    pub variables: &'a BTreeMap<OsString, OsString>,
}

impl Document<'_> {
    /// An error at a byte of the text; lines and columns are counted from 1, columns in characters.
    pub fn error(&self, at: usize, message: String) -> Error {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Error::Form {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message,
        }
    }
}

/// One table of the file. Each key is taken out as it is read, and what is left at the end is
/// unknown: so the keys stand in one place only, where they are read.
#[derive(Debug)]
pub(super) struct Table<'a> {
    document: Document<'a>,
    /// Such as `[ready]`; empty for the top.
    label: String,
    at: usize,
    entries: DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    pub fn top(document: Document<'a>) -> Result<Self, Error> {
        let top = DeTable::parse(document.text).map_err(|error| {
            // The parser's message names tokens, never the text; its Display would print the line.
            let message = error.message().replace('`', "'").replace('\n', " ");
            document.error(error.span().map_or(0, |span| span.start), message)
        })?;
        Ok(Table::new(document, String::new(), 0, top.into_inner()))
    }

    fn new(document: Document<'a>, label: String, at: usize, entries: DeTable<'a>) -> Self {
        Table { document, label, at, entries, known: Vec::new() }
    }

    /// For messages, where a table's form depends on one of its keys.
    pub fn relabel(&mut self, label: String) {
        self.label = label;
    }

    pub fn read<T>(
        &mut self,
        key: &'static str,
        convert: impl Fn(&Value<'a>) -> Result<T, Wrong>,
    ) -> Result<Option<T>, Error> {
        match self.take(key) {
            Some(value) => convert(&value).map(Some).map_err(|wrong| self.wrong(key, wrong)),
            None => Ok(None),
        }
    }

    /// `${NAME}` in a string gives way to the variable's value, before it is read.
    pub fn expand(&mut self, key: &'static str) -> Result<(), Error> {
        let Some(value) = self.entries.get_mut(key) else { return Ok(()) };
        let at = value.span().start;
        if let DeValue::String(text) = value.get_mut() {
            match expand::expand(text, self.document.variables) {
                Ok(expanded) => *text = Cow::Owned(expanded),
                Err(message) => return Err(self.wrong(key, Wrong { at, message })),
            }
        }
        Ok(())
    }

    /// Whether the key is there, and was not read yet.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// A table below this one; an empty one where it is not there.
    pub fn table(&mut self, key: &'static str) -> Result<Table<'a>, Error> {
        let label = format!("[{key}]");
        match self.take(key) {
            None => Ok(Table::new(self.document, label, self.at, DeTable::new())),
            Some(value) => self.below(key, label, value),
        }
    }

    /// An inline table, named after this one.
    pub fn inner(&mut self, key: &'static str) -> Result<Table<'a>, Error> {
        let label = format!("{key} of {}", self.label);
        match self.take(key) {
            None => Ok(Table::new(self.document, label, self.at, DeTable::new())),
            Some(value) => self.below(key, label, value),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A key that may not be there, and why.
    pub fn refuse(&self, key: &str, why: &str) -> Result<(), Error> {
        match self.entries.get_key_value(key) {
            Some((key_there, _)) => {
                let message = format!("'{key}'{}: {why}", self.place());
                Err(self.document.error(key_there.span().start, message))
            }
            None => Ok(()),
        }
    }

    /// The tables of an array, `[[key]]`.
    pub fn tables(&mut self, key: &'static str) -> Result<Vec<Table<'a>>, Error> {
        let Some(value) = self.take(key) else {
            return Ok(Vec::new());
        };
        let label = format!("[[{key}]]");
        if !matches!(value.get_ref(), DeValue::Array(_)) {
            let wrong = Wrong::kind(&value, &format!("tables headed {label}"));
            return Err(self.wrong(key, wrong));
        }
        match value.into_inner() {
            DeValue::Array(items) => {
                items.into_iter().map(|item| self.below(key, label.clone(), item)).collect()
            }
            _ => Ok(Vec::new()),
        }
    }

    fn below(&self, key: &str, label: String, value: Value<'a>) -> Result<Table<'a>, Error> {
        let at = value.span().start;
        let wrong = Wrong::kind(&value, "a table");
        match value.into_inner() {
            DeValue::Table(entries) => Ok(Table::new(self.document, label, at, entries)),
            _ => Err(self.wrong(key, wrong)),
        }
    }

    /// Nothing may be left. Say which key is not known, the first as the file has them.
    pub fn finish(&self) -> Result<(), Error> {
        let Some(key) = self.entries.keys().min_by_key(|key| key.span().start) else {
            return Ok(());
        };
        let meant = match closest(key.get_ref(), self.known.iter().copied()) {
            Some(word) => format!("; did you mean '{word}'?"),
            None => String::new(),
        };
        let place = self.place();
        let shown = shown(key.get_ref());
        let message = format!("unknown key '{shown}'{place}{meant}");
        Err(self.document.error(key.span().start, message))
    }

    pub fn missing(&self, key: &str) -> Error {
        self.error(format!("missing '{key}'{}", self.place()))
    }

    /// An error about the table as a whole.
    pub fn error(&self, message: String) -> Error {
        self.document.error(self.at, message)
    }

    fn take(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.known.push(key);
        if let Some(asked) = self.document.asked {
            asked.borrow_mut().insert((self.label.clone(), key));
        }
        self.entries.remove(key)
    }

    fn wrong(&self, key: &str, wrong: Wrong) -> Error {
        self.document.error(wrong.at, format!("'{key}'{}: {}", self.place(), wrong.message))
    }

    /// ` in [ready]`
    pub fn place(&self) -> String {
        if self.label.is_empty() { String::new() } else { format!(" in {}", self.label) }
    }
}

/// A key as it may stand in one line: a quoted key can hold anything.
fn shown(key: &str) -> String {
    let start: String = key.chars().take(40).collect();
    let more = if start.len() < key.len() { "..." } else { "" };
    format!("{}{more}", start.escape_debug())
}
