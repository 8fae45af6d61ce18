use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Error, Problem};

/// The file that is being read, for messages with line and column.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub text: &'a str,
    pub file: &'a Path,
}

impl Source<'_> {
    pub fn error(&self, at: &Range<usize>, problem: Problem) -> Error {
        // A span of the parser lies on character boundaries; if one ever did not, the end will do.
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Error {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            problem,
        }
    }
}

/// One table. Its words are taken out one by one; what is left at the end has no meaning.
pub(super) struct Words<'a> {
    source: Source<'a>,
    /// Where the table begins, for words that are missing.
    at: Range<usize>,
    left: BTreeMap<&'a str, (Range<usize>, &'a Spanned<DeValue<'a>>)>,
}

impl<'a> Words<'a> {
    pub fn new(source: Source<'a>, at: Range<usize>, table: &'a DeTable<'a>) -> Self {
        let left = table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), (key.span(), value)))
            .collect();
        Words { source, at, left }
    }

    pub fn take(&mut self, word: &'static str) -> Option<Value<'a>> {
        self.left.remove(word).map(|(_, node)| Value { source: self.source, node })
    }

    /// What is left, in the order of the file.
    pub fn rest(self) -> Vec<(&'a str, Range<usize>, Value<'a>)> {
        let source = self.source;
        let mut rest: Vec<_> = self
            .left
            .into_iter()
            .map(|(key, (at, node))| (key, at, Value { source, node }))
            .collect();
        rest.sort_by_key(|(_, at, _)| at.start);
        rest
    }

    pub fn missing(&self, word: &'static str, hint: String) -> Error {
        self.source.error(&self.at, Problem::Missing { word, hint })
    }

    /// Refuses whatever was not taken.
    pub fn finish(self, known: &[&str]) -> Result<(), Error> {
        self.refuse_rest(|word| unknown(word, known))
    }

    /// The same for a variable's table, where a word may belong to another type.
    pub fn finish_rule(self, known: &[&str], kind: &'static str) -> Result<(), Error> {
        self.refuse_rest(|word| {
            if known.contains(&word) {
                Problem::Misplaced { word: word.to_owned(), kind }
            } else {
                unknown(word, known)
            }
        })
    }

    fn refuse_rest(self, problem: impl Fn(&str) -> Problem) -> Result<(), Error> {
        let source = self.source;
        match self.rest().first() {
            Some((word, at, _)) => Err(source.error(at, problem(word))),
            None => Ok(()),
        }
    }
}

/// One value of the file.
pub(super) struct Value<'a> {
    source: Source<'a>,
    node: &'a Spanned<DeValue<'a>>,
}

impl<'a> Value<'a> {
    pub fn error(&self, problem: Problem) -> Error {
        self.source.error(&self.node.span(), problem)
    }

    pub fn node(&self) -> &'a DeValue<'a> {
        self.node.get_ref()
    }

    pub fn text(&self) -> Result<&'a str, Error> {
        self.node().as_str().ok_or_else(|| self.unexpected("a string"))
    }

    pub fn boolean(&self) -> Result<bool, Error> {
        self.node().as_bool().ok_or_else(|| self.unexpected("true or false"))
    }

    pub fn integer(&self) -> Result<i64, Error> {
        let number = self.node().as_integer().ok_or_else(|| self.unexpected("an integer"))?;
        i64::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| self.unexpected("an integer of 64 bits"))
    }

    pub fn size(&self) -> Result<usize, Error> {
        usize::try_from(self.integer()?).map_err(|_| self.unexpected("an integer not below 0"))
    }

    pub fn items(&self) -> Result<Vec<Value<'a>>, Error> {
        let items = self.node().as_array().ok_or_else(|| self.unexpected("a list"))?;
        Ok(items.iter().map(|node| Value { source: self.source, node }).collect())
    }

    /// A list of strings, and not an empty one: that would allow nothing.
    pub fn texts(&self) -> Result<Vec<String>, Error> {
        let items = self.items()?;
        if items.is_empty() {
            return Err(self.unexpected("a list with something in it"));
        }
        items.iter().map(|item| item.text().map(str::to_owned)).collect()
    }

    pub fn words(&self) -> Result<Words<'a>, Error> {
        let table = self.node().as_table().ok_or_else(|| self.unexpected("a table"))?;
        Ok(Words::new(self.source, self.node.span(), table))
    }

    /// A string that must be one of a few.
    pub fn choice<T>(
        &self,
        what: &'static str,
        known: &[&str],
        from: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Error> {
        let text = self.text()?;
        from(text)
            .ok_or_else(|| self.error(Problem::UnknownChoice { what, hint: hint(text, known) }))
    }

    pub fn unexpected(&self, wanted: &'static str) -> Error {
        let found = match self.node() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(items) if items.is_empty() => "an empty list",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.error(Problem::Unexpected { wanted, found })
    }
}

pub(super) fn unknown(word: &str, known: &[&str]) -> Problem {
    Problem::UnknownWord { word: word.to_owned(), hint: hint(word, known) }
}

/// The nearest known word, or all of them where none is near.
fn hint(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("known are {}", known.join(", ")),
    }
}

pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    // Longer than any word of ours: a distance is not worth its quadratic price.
    if word.len() > 64 {
        return None;
    }
    let word = word.to_ascii_lowercase().replace('_', "-");
    known
        .iter()
        .map(|known| (strsim::jaro_winkler(&word, known), *known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}
