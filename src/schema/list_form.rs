use std::borrow::Cow;

use crate::config::Encoding;

use super::fault::Fault;

/// How a list is written into one variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListForm {
    Comma,
    Space,
    Json,
    /// Whichever of the three it looks like: the built-in schema does not know what the site's
    /// settings read.
    Any,
}

impl From<Encoding> for ListForm {
    fn from(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Comma => ListForm::Comma,
            Encoding::Json => ListForm::Json,
        }
    }
}

impl ListForm {
    pub const WORDS: [&'static str; 3] = ["comma", "space", "json"];

    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "comma" => Some(ListForm::Comma),
            "space" => Some(ListForm::Space),
            "json" => Some(ListForm::Json),
            _ => None,
        }
    }

    /// The items, trimmed; an empty one stays, for the caller to judge.
    pub fn items(self, text: &str) -> Result<Vec<Cow<'_, str>>, Fault> {
        match self {
            ListForm::Comma if text.trim().is_empty() => Ok(Vec::new()),
            ListForm::Comma => Ok(text.split(',').map(|item| Cow::Borrowed(item.trim())).collect()),
            ListForm::Space => Ok(text.split_whitespace().map(Cow::Borrowed).collect()),
            ListForm::Json => json_items(text)
                .ok_or_else(|| Fault::new("is no JSON list", r#"write it as ["one", "two"]"#)),
            // "[::1] localhost" begins like JSON and is none.
            ListForm::Any => Ok(json_items(text).unwrap_or_else(|| {
                text.split(|c: char| c == ',' || c.is_whitespace())
                    .filter(|item| !item.is_empty())
                    .map(Cow::Borrowed)
                    .collect()
            })),
        }
    }
}

/// Numbers and booleans become the text they are written as; lists within lists are no items.
pub(super) fn json_items(text: &str) -> Option<Vec<Cow<'static, str>>> {
    use serde_json::Value;

    // Most values are no JSON at all: do not run the parser over 128 KiB to find out.
    if !text.trim_start().starts_with('[') {
        return None;
    }
    let items: Vec<Value> = serde_json::from_str(text).ok()?;
    items
        .into_iter()
        .map(|item| match item {
            Value::String(text) => Some(Cow::Owned(text)),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            Value::Bool(yes) => Some(Cow::Owned(yes.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_by_form() {
        let items =
            |form: ListForm, text: &'static str| form.items(text).ok().map(|items| items.join("|"));
        assert_eq!(items(ListForm::Comma, "a, b,,c d"), Some("a|b||c d".into()));
        assert_eq!(items(ListForm::Comma, " "), Some(String::new()));
        assert_eq!(items(ListForm::Space, " a  b,c "), Some("a|b,c".into()));
        assert_eq!(items(ListForm::Json, r#"["a,b", 1, true]"#), Some("a,b|1|true".into()));
        assert_eq!(items(ListForm::Json, r#"["a", ["b"]]"#), None);
        assert_eq!(items(ListForm::Json, "a,b"), None);
        assert_eq!(items(ListForm::Any, "[::1] localhost,a"), Some("[::1]|localhost|a".into()));
        assert_eq!(items(ListForm::Any, r#"["a", "b"]"#), Some("a|b".into()));
    }
}
