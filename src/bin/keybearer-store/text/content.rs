use keybearer::helper::Change;
use keybearer::secrets::{Name, Secret};
use zeroize::Zeroizing;

use super::document::{Document, Fault};
use super::shown::shown;

/// What a secret holds, as the config says it is to be read: its fields, or one value under one name.
pub struct Content<'a> {
    key: Option<&'a str>,
    variable: Option<&'a Name>,
    text: &'a str,
}

#[derive(Debug, Default)]
pub struct Entries {
    pub entries: Vec<(String, Secret)>,
    pub warnings: Vec<String>,
}

impl<'a> Content<'a> {
    /// `key` and `as` of the config.
    pub fn new(key: Option<&'a str>, variable: Option<&'a Name>, text: &'a str) -> Content<'a> {
        Content { key, variable, text }
    }

    /// Without `as` the fields of the document, or of the one in its field `key`. With it the whole text,
    /// or what is in the field `key`.
    pub fn entries(&self) -> Result<Entries, String> {
        match (self.key, self.variable) {
            (None, None) => Ok(fields(&document(self.text)?)),
            (None, Some(name)) => Ok(one(name.as_str(), Secret::new(self.text.to_owned()))),
            (Some(key), None) => Ok(fields(&self.inner(key)?)),
            (Some(key), Some(name)) => {
                let value = document(self.text)?.value(key);
                let value = value.ok_or_else(|| format!("it has no field '{key}'; mend 'key'"))?;
                Ok(one(name.as_str(), value))
            }
        }
    }

    /// The whole text with these changes in it.
    pub fn with(&self, changes: &[Change]) -> Result<Zeroizing<String>, String> {
        match (self.key, self.variable) {
            (None, None) => Ok(document(self.text)?.with(changes)),
            (None, Some(name)) => match only(name.as_str(), changes)? {
                Some(value) => Ok(Zeroizing::new(value.expose().to_owned())),
                None => Ok(Zeroizing::new(self.text.to_owned())),
            },
            (Some(key), None) => {
                let inner = self.inner(key)?.with(changes);
                let outer = document(self.text)?;
                let place = outer.place(key).ok_or_else(|| no_document(key))?;
                let (before, after) = (&self.text[..place.start], &self.text[place.end..]);
                Ok(Zeroizing::new([before, inner.as_str(), after].concat()))
            }
            (Some(key), Some(name)) => {
                let document = document(self.text)?;
                match only(name.as_str(), changes)? {
                    Some(value) => {
                        let value = Some(value.duplicate());
                        Ok(document.with(&[Change { name: key.to_owned(), value }]))
                    }
                    None => Ok(Zeroizing::new(self.text.to_owned())),
                }
            }
        }
    }

    fn inner(&self, key: &str) -> Result<Document<'a>, String> {
        let written = document(self.text)?.written(key);
        let written = written.ok_or_else(|| format!("it has no field '{key}'; mend 'key'"))?;
        match Document::parse(written) {
            Ok(document) => Ok(document),
            Err(Fault::NoObject) => Err(no_document(key)),
            Err(fault) => Err(said(&fault)),
        }
    }
}

fn document(text: &str) -> Result<Document<'_>, String> {
    Document::parse(text).map_err(|fault| said(&fault))
}

fn said(fault: &Fault) -> String {
    match fault {
        Fault::NoObject => {
            "it is no JSON object; make it one, or name its value: as = \"NAME\"".to_owned()
        }
        Fault::Twice(name) => format!("{name} is in it twice; take one of them out"),
    }
}

fn no_document(key: &str) -> String {
    format!("its field '{key}' is no JSON object; name its value: as = \"NAME\"")
}

fn one(name: &str, value: Secret) -> Entries {
    Entries { entries: vec![(name.to_owned(), value)], warnings: Vec::new() }
}

fn fields(document: &Document<'_>) -> Entries {
    let mut found = Entries::default();
    for name in document.names() {
        match document.value(name) {
            Some(value) => found.entries.push((name.to_owned(), value)),
            None => found.warnings.push(format!("{} is null and left out", shown(name))),
        }
    }
    found
}

/// One value can be changed and has nowhere to put others. None: there is no change.
fn only<'a>(name: &str, changes: &'a [Change]) -> Result<Option<&'a Secret>, String> {
    let mut found = None;
    for change in changes {
        match &change.value {
            Some(value) if change.name == name => found = Some(value),
            _ => {
                return Err(format!(
                    "it holds the value of {name} alone; make it a JSON document to keep more in it"
                ));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Asked = (Option<&'static str>, Option<Name>);

    fn asked(key: Option<&'static str>, variable: Option<&str>) -> Asked {
        (key, variable.map(|name| name.parse().ok().unwrap()))
    }

    fn content<'a>((key, variable): &'a Asked, text: &'a str) -> Content<'a> {
        Content::new(*key, variable.as_ref(), text)
    }

    #[track_caller]
    fn gives(asked: &Asked, text: &str, expected: &[(&str, &str)]) {
        let found = content(asked, text).entries().unwrap();
        let found: Vec<_> =
            found.entries.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(found, expected);
    }

    const TEXT: &str = r#"{"A":"a","app":{"B":"b","C":null},"n":1}"#;

    #[test]
    fn the_four_ways_to_read_it() {
        let app = r#"{"B":"b","C":null}"#;
        gives(&asked(None, None), TEXT, &[("A", "a"), ("app", app), ("n", "1")]);
        gives(&asked(Some("app"), None), TEXT, &[("B", "b")]);
        gives(&asked(Some("A"), Some("X")), TEXT, &[("X", "a")]);
        gives(&asked(Some("app"), Some("X")), TEXT, &[("X", app)]);
        gives(&asked(None, Some("X")), TEXT, &[("X", TEXT)]);
        gives(&asked(None, Some("X")), "plain\n", &[("X", "plain\n")]);
    }

    #[test]
    fn null_is_left_out_with_a_warning() {
        let asked = asked(Some("app"), None);
        let found = content(&asked, TEXT).entries().unwrap();
        assert_eq!(found.warnings, ["'C' is null and left out"]);
    }

    #[test]
    fn what_cannot_be_read() {
        let refused = |asked: &Asked, text| content(asked, text).entries().unwrap_err();
        let plain = "it is no JSON object; make it one, or name its value: as = \"NAME\"";
        assert_eq!(refused(&asked(None, None), "canary"), plain);
        assert_eq!(refused(&asked(Some("A"), Some("X")), "canary"), plain);
        let text = "its field 'A' is no JSON object; name its value: as = \"NAME\"";
        assert_eq!(refused(&asked(Some("A"), None), TEXT), text);
        assert_eq!(refused(&asked(Some("Z"), None), TEXT), "it has no field 'Z'; mend 'key'");
        assert_eq!(
            refused(&asked(None, None), r#"{"A":1,"A":2}"#),
            "'A' is in it twice; take one of them out"
        );
    }

    #[test]
    fn changes_go_where_the_value_came_from() {
        let change = |name: &str, value: Option<&str>| Change {
            name: name.to_owned(),
            value: value.map(|value| Secret::new(value.to_owned())),
        };
        let with = |asked: &Asked, changes: &[Change]| {
            content(asked, TEXT).with(changes).map(|text| text.as_str().to_owned())
        };
        let inner = asked(Some("app"), None);
        let expected = TEXT.replace("\"b\"", "\"x\"");
        assert_eq!(with(&inner, &[change("B", Some("x"))]).unwrap(), expected);
        let field = asked(Some("A"), Some("X"));
        assert_eq!(
            with(&field, &[change("X", Some("x"))]).unwrap(),
            TEXT.replace("\"a\"", "\"x\"")
        );
        let whole = asked(None, Some("X"));
        assert_eq!(with(&whole, &[change("X", Some("x"))]).unwrap(), "x");
        let alone = "it holds the value of X alone; make it a JSON document to keep more in it";
        assert_eq!(with(&whole, &[change("Y", Some("x"))]).unwrap_err(), alone);
        assert_eq!(with(&field, &[change("X", None)]).unwrap_err(), alone);
    }
}
