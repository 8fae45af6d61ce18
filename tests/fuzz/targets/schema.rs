//! Any text as a schema, and any values held against it.
//!
//! The input is cut at END: the schema, then NAME=value as often as one likes. What the schema itself
//! says may be shown where a value breaks it, so there the secret is planted in the values alone.

#![no_main]
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use keybearer::config::{Encoding, Keys};
use keybearer::schema::{self, Problem, Schema, Validated};
use keybearer::secrets::{Name, Secret};
use keybearer::sources::{Entry, Fetched};
use keybearer_fuzz::{check_hidden, check_line, grow, is_in_a_key, plant};
use libfuzzer_sys::fuzz_target;

const END: char = '\u{1e}';
/// As long as execve(2) takes.
const LONG: usize = 131_000;

fuzz_target!(|input: &str| {
    let mut parts = input.split(END);
    let text = parts.next().unwrap_or_default();
    check_text(text);
    let django;
    let own;
    let schema = match Schema::parse(text, Path::new("/schema.toml")) {
        Ok(schema) if !text.trim().is_empty() => {
            own = schema;
            &own
        }
        Ok(_) => {
            django = Schema::django();
            &django
        }
        Err(_) => return,
    };
    let Some(entries) = parts.map(entry).collect::<Option<BTreeMap<Name, Entry>>>() else { return };
    for encoding in [Encoding::Comma, Encoding::Json] {
        check_values(&entries, schema, encoding);
    }
});

/// The schema's own errors: its words are shown, what they are set to is not, but for the rule that
/// a default breaks.
fn check_text(text: &str) {
    let Some(text) = plant(text) else { return };
    if let Err(error) = Schema::parse(&text, Path::new("/schema.toml")) {
        assert!((1..=text.split('\n').count()).contains(&error.line) && error.column > 0);
        if !matches!(error.problem, Problem::BreaksOwnRule { .. }) && !is_in_a_key(&text) {
            check_line(&error.to_string());
        }
    }
}

fn entry(text: &str) -> Option<(Name, Entry)> {
    let (name, value) = text.split_once('=')?;
    let value = match grow() {
        true => value.repeat(LONG / value.len().max(1)),
        false => plant(value)?,
    };
    let entry = Entry { value: Secret::new(value), source: Rc::from("'/site.env'"), origin: Some(0) };
    Some((name.parse().ok()?, entry))
}

fn check_values(entries: &BTreeMap<Name, Entry>, schema: &Schema, encoding: Encoding) {
    let keys = Keys { encoding, ..Keys::default() };
    let fetched = Fetched { entries: copied(entries), ..Fetched::default() };
    match schema::validate(fetched, schema, &keys, &BTreeSet::new()) {
        Ok(validated) => {
            check_hidden(&format!("{validated:?}"));
            validated.warnings.iter().for_each(|line| check_line(line));
            check_validated(&validated);
            for finding in schema::audit(&validated, keys.keep) {
                check_line(&finding.message);
            }
        }
        Err(report) => {
            check_hidden(&format!("{report:?}"));
            assert!(!report.violations.is_empty());
            report.violations.iter().for_each(|line| check_line(&line.to_string()));
            report.warnings.iter().for_each(|line| check_line(line));
        }
    }
}

fn copied(entries: &BTreeMap<Name, Entry>) -> BTreeMap<Name, Entry> {
    let copy =
        |entry: &Entry| Entry { value: entry.value.duplicate(), source: Rc::clone(&entry.source), origin: entry.origin };
    entries.iter().map(|(name, entry)| (name.clone(), copy(entry))).collect()
}

fn check_validated(validated: &Validated) {
    for (name, value) in &validated.variables {
        assert!(name.as_str().parse::<Name>().is_ok());
        assert!(!value.expose().contains('\0'));
    }
    if let Some(keys) = &validated.keys {
        assert!(!keys.document.current.expose().is_empty());
        assert!(!validated.variables.contains_key(&keys.current_name));
        assert!(!validated.variables.contains_key(&keys.fallbacks_name));
        for key in &keys.document.fallbacks {
            // With an empty fallback Django accepts what anybody signed.
            assert!(!key.expose().is_empty() && *key != keys.document.current);
            assert!(keys.encoding == Encoding::Json || !key.expose().contains(','));
        }
    }
}
