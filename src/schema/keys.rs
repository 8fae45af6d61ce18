//! The Django keys, taken out of the other variables.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::config::{self, Encoding, KeyNames};
use crate::keyring::{Document, NotARecord, Record};
use crate::secrets::{Name, Secret};

use super::draft::Draft;
use super::fault::Fault;
use super::kind::Kind;
use super::list_form::{ListForm, json_items};
use super::validated::DjangoKeys;

const MAKE_ANOTHER: &str = "make another with: keybearer key";
const USE_JSON: &str = "set [keys] encoding = \"json\" if the settings read JSON";

pub(super) fn take_keys(
    draft: &mut Draft<'_>,
    names: KeyNames,
    settings: &config::Keys,
) -> Option<DjangoKeys> {
    let encoding = settings.encoding;
    check_form(draft, &names.current, encoding);
    check_form(draft, &names.next, encoding);
    check_next(draft, &names);
    let fallbacks = check_fallbacks(draft, &names, encoding);
    let record = read_record(draft, &names);
    check_revoked(draft, &names, &record);
    let origin = check_origin(draft, &names);

    draft.entries.remove(&names.record);
    let next = draft.entries.remove(&names.next).map(|entry| entry.value);
    let fallbacks_origin = draft.entries.remove(&names.fallbacks).and_then(|entry| entry.origin);
    let current = draft.entries.remove(&names.current)?.value;
    // One that an optional rule let through empty is none.
    if current.expose().is_empty() {
        return None;
    }
    let fallbacks: Vec<Secret> = fallbacks.into_iter().filter(|key| *key != current).collect();
    let next = next
        .filter(|next| !next.expose().is_empty())
        .and_then(|next| staged(draft, &names, &current, next, &record));
    let origin = origin?;
    let document = Document { current, fallbacks, next, record };
    let earlier = draft.earlier.drain(..).filter(|e| e.origin == origin && e.name == names.current);
    let history = known_before(earlier.map(|earlier| earlier.value), &document, encoding);
    let fallbacks_origin = fallbacks_origin.filter(|place| *place != origin);
    let KeyNames { current: current_name, fallbacks: fallbacks_name, .. } = names;
    Some(DjangoKeys {
        current_name,
        fallbacks_name,
        encoding,
        document,
        history,
        origin,
        fallbacks_origin,
    })
}

/// Of what the store says the key was before, what the site may still verify with and the document does
/// not say by itself.
fn known_before(
    earlier: impl Iterator<Item = Secret>,
    document: &Document,
    encoding: Encoding,
) -> Vec<Secret> {
    let Document { current, fallbacks, next, record } = document;
    let earlier = earlier.filter(|key| {
        let text = key.expose();
        let is_item =
            text.trim().len() == text.len() && (encoding == Encoding::Json || !text.contains(','));
        let is_known = key == current || fallbacks.contains(key) || next.as_ref() == Some(key);
        is_item && !is_known && !record.is_revoked(key.fingerprint())
    });
    distinct(earlier.collect())
}

/// The schema's rule for the key, for the one that is to take its place.
fn check_next(draft: &mut Draft<'_>, names: &KeyNames) {
    let Some(next) = draft.given(names.next.as_str()) else { return };
    let fault = draft.rule(&names.current).and_then(|rule| rule.check(next).err());
    if let Some(fault) = fault {
        draft.refuse(Some(names.next.clone()), fault);
    }
}

fn read_record(draft: &mut Draft<'_>, names: &KeyNames) -> Record {
    match draft.given(names.record.as_str()).map(str::parse) {
        None => Record::default(),
        Some(Ok(record)) => record,
        Some(Err(NotARecord)) => {
            let fault = Fault::new("is not what rotate wrote", "take it out, or restore it");
            draft.refuse(Some(names.record.clone()), fault);
            Record::default()
        }
    }
}

fn check_revoked(draft: &mut Draft<'_>, names: &KeyNames, record: &Record) {
    let Some(key) = draft.entries.get(&names.current).map(|entry| entry.value.fingerprint()) else {
        return;
    };
    if record.is_revoked(key) {
        let fault = Fault::new(format!("is a revoked key ({key})"), MAKE_ANOTHER);
        draft.refuse(Some(names.current.clone()), fault);
    }
}

/// A schema's default is no secret, and rotation has no place to write beside it.
fn check_origin(draft: &mut Draft<'_>, names: &KeyNames) -> Option<usize> {
    let name = &names.current;
    let origin = draft.entries.get(name).and_then(|entry| entry.origin);
    if origin.is_none() && draft.given(name.as_str()).is_some() {
        let fault = Fault::new("must not have a default", "put the key into a source");
        draft.refuse(Some(name.clone()), fault);
    }
    origin
}

/// A staged key that may become the current one.
fn staged(
    draft: &mut Draft<'_>,
    names: &KeyNames,
    current: &Secret,
    next: Secret,
    record: &Record,
) -> Option<Secret> {
    let (name, current_name) = (&names.next, &names.current);
    let why = if next == *current {
        format!("is the same as {current_name}")
    } else if record.is_revoked(next.fingerprint()) {
        format!("is a revoked key ({})", next.fingerprint())
    } else {
        return Some(next);
    };
    draft.warn(format!("{name} {why} and is not used; take it out: keybearer rotate abort"));
    None
}

/// What would break the key when it has become a fallback.
fn check_form(draft: &mut Draft<'_>, name: &Name, encoding: Encoding) {
    let Some(key) = draft.given(name.as_str()) else {
        return;
    };
    let (comma, dollar) = (key.contains(','), key.starts_with('$'));
    let spaces = key.trim().len() != key.len();
    if encoding == Encoding::Comma && comma {
        let fault = Fault::new(
            "has a comma, which would cut it in two among the fallbacks",
            "make another with: keybearer key, or set [keys] encoding = \"json\"",
        );
        draft.refuse(Some(name.clone()), fault);
    }
    if encoding == Encoding::Comma && spaces {
        draft.warn(format!(
            "{name} begins or ends with white space, which it would lose among the fallbacks; \
             take it out"
        ));
    }
    if dollar {
        draft.warn(format!(
            "{name} begins with '$', which django-environ takes for a reference and prints in its \
             error; replace it: keybearer key"
        ));
    }
}

fn check_fallbacks(draft: &mut Draft<'_>, names: &KeyNames, encoding: Encoding) -> Vec<Secret> {
    let name = &names.fallbacks;
    let Some(items) = draft.given(name.as_str()).map(|text| items(text, encoding)) else {
        if draft.rule(name).is_some_and(|rule| rule.required == Some(true)) {
            let fault = Fault::new("is missing or empty", "put it into a source");
            draft.refuse(Some(name.clone()), fault);
        }
        return Vec::new();
    };
    let items = match items {
        Ok(items) => items,
        Err(fault) => {
            draft.refuse(Some(name.clone()), fault);
            return Vec::new();
        }
    };
    check_items(draft, names, encoding, &items);
    if items.iter().any(|item| item.expose().is_empty()) {
        draft.warn(format!(
            "{name} has an empty item, dropped: with an empty fallback Django accepts what anybody \
             signed; take out the comma too many"
        ));
    }
    distinct(items)
}

/// The schema's rule for the fallbacks, by the encoding that `[keys]` says.
fn check_items(draft: &mut Draft<'_>, names: &KeyNames, encoding: Encoding, items: &[Secret]) {
    let name = &names.fallbacks;
    let Some(rule) = draft.rule(name) else { return };
    if let Kind::List { form: Some(form), .. } = rule.kind
        && form != ListForm::from(encoding)
    {
        let mend = "give both the same 'encoding'";
        let fault = Fault::new("is encoded one way by the schema and another by [keys]", mend);
        draft.refuse(Some(name.clone()), fault);
    }
    let fault = items
        .iter()
        .enumerate()
        .filter(|(_, item)| !item.expose().is_empty())
        .find_map(|(index, item)| Some((index, rule.check_item(item.expose()).err()?)));
    if let Some((index, fault)) = fault {
        draft.refuse(Some(name.clone()), fault.in_item(index + 1));
    }
}

pub(super) fn items(text: &str, encoding: Encoding) -> Result<Vec<Secret>, Fault> {
    // JSON read as commas would give keys with brackets and quotes in them: every session is lost,
    // and nothing says why.
    if encoding == Encoding::Comma && json_items(text).is_some() {
        return Err(Fault::new("is JSON where commas are expected", USE_JSON));
    }
    let items = ListForm::from(encoding).items(text)?;
    Ok(items.into_iter().map(|item| Secret::new(trimmed(item))).collect())
}

fn trimmed(item: Cow<'_, str>) -> String {
    item.trim().to_owned()
}

/// Without empty ones and duplicates, in their order.
pub(super) fn distinct(items: Vec<Secret>) -> Vec<Secret> {
    let mut seen = BTreeSet::new();
    let keep: Vec<bool> =
        items.iter().map(|item| !item.expose().is_empty() && seen.insert(item.expose())).collect();
    drop(seen);
    items.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(item, _)| item).collect()
}
