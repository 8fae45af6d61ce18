//! What a command has printed, under the site's names.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::from_str;
use serde_json::value::RawValue;

use crate::config::{Tool, ToolFormat};
use crate::helper::Got;
use crate::secrets::{Name, Secret};

use super::gathered::Gathered;
use super::selection::Picks;
use super::{Error, env_file, remote};

pub(super) fn gather(tool: &Tool, got: &Got, picks: Picks<'_>) -> Result<Gathered, Error> {
    let from = tool.to_string();
    let mut read = Got { warnings: got.warnings.clone(), ..Got::default() };
    // All of it is one entry.
    let text = got.entries.first().map_or("", |(_, text)| text.expose());
    match tool.format {
        ToolFormat::Json => json(text, &from, &mut read)?,
        ToolFormat::Env => {
            let parsed = env_file::parse(text.as_bytes())
                .map_err(|errors| Error::Printed { from: from.clone(), errors })?;
            read.warnings.extend(parsed.remarks.iter().map(|remark| format!("{from}: {remark}")));
            for assignment in parsed.assignments {
                let name = assignment.name.to_string();
                read.entries.retain(|(other, _)| *other != name);
                read.entries.push((name, assignment.value));
            }
        }
    }
    remote::gather(&Rc::from(from), &read, picks, false)
}

/// Text as it is, and whatever else in the JSON that it was written in, as of stores.
fn json(text: &str, from: &str, read: &mut Got) -> Result<(), Error> {
    // The library's own words may quote what it has read.
    let no_object = |_| Error::NoObject { from: from.to_owned() };
    let object: BTreeMap<String, &RawValue> = from_str(text).map_err(no_object)?;
    let mut once = BTreeSet::new();
    for name in names(text) {
        let name: String = from_str(name).map_err(no_object)?;
        if let Some(name) = once.replace(name) {
            return Err(Error::Twice { from: from.to_owned(), name: shown(&name) });
        }
    }
    for (name, value) in object {
        match value.get() {
            "null" => read.warnings.push(format!("{from}: {name:?} is null and is left out")),
            json if json.starts_with('"') => {
                let text = from_str::<String>(json)
                    .map_err(|_| Error::NoText { from: from.to_owned(), name: shown(&name) })?;
                read.entries.push((name, Secret::new(text)));
            }
            json => read.entries.push((name, Secret::new(json.to_owned()))),
        }
    }
    Ok(())
}

/// What is no variable's name may be anything, a secret too.
fn shown(name: &str) -> String {
    match name.parse::<Name>() {
        Ok(name) => name.to_string(),
        Err(_) => "one of its names".to_owned(),
    }
}

/// The names of an object that was judged, as they are written: a map keeps one of two that are equal.
fn names(object: &str) -> Vec<&str> {
    let (mut names, mut depth) = (Vec::new(), 0);
    let (mut start, mut is_text, mut is_escaped) = (0, false, false);
    let mut text = "";
    for (at, byte) in object.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' if is_text => (text, is_text) = (&object[start..=at], false),
            b'"' => (start, is_text) = (at, true),
            _ if is_text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b':' if depth == 1 => names.push(text),
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let mut read = Got::default();
        json(text, "command '/t'", &mut read).map_or_else(
            |error| error.to_string(),
            |()| {
                let entries =
                    read.entries.iter().map(|(name, value)| format!("{name}={}", value.expose()));
                entries.collect::<Vec<_>>().join(" ")
            },
        )
    }

    #[test]
    fn text_is_decoded_and_all_else_is_json() {
        assert_eq!(
            said(r#"{"A": "\u00e9", "B": [1, {"A": "}:\""}], "C": null}"#),
            r#"A=é B=[1, {"A": "}:\""}]"#
        );
    }

    #[test]
    fn a_string_that_is_no_text_is_refused() {
        assert_eq!(
            said(r#"{"A": "canary\ud800"}"#),
            r"command '/t' printed a string for A that is no text (an escape such as \ud800 stands for no character); have it encoded (base64, for instance)"
        );
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused() {
        let twice = "command '/t' printed A twice; have it print one of them";
        assert_eq!(said(r#"{"A": "canary", "B": "", "\u0041": "canary"}"#), twice);
        let other = "command '/t' printed one of its names twice; have it print one of them";
        assert_eq!(said(r#"{"the canary": 1, "the canary": 2}"#), other);
        assert!(said(r#"[["A", "B"]]"#).starts_with("command '/t' printed no JSON object"));
    }
}
