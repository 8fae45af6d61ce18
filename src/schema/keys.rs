//! The Django keys, taken out of the other variables.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::config::{self, Encoding};
use crate::secrets::Secret;

use super::draft::Draft;
use super::fault::Fault;
use super::key_names::KeyNames;
use super::kind::Kind;
use super::list_form::{ListForm, json_items};
use super::validated::DjangoKeys;

const USE_JSON: &str = "set [keys] encoding = \"json\" if the settings read JSON";

pub(super) fn take_keys(
    draft: &mut Draft<'_>,
    names: KeyNames,
    settings: &config::Keys,
) -> Option<DjangoKeys> {
    let encoding = settings.encoding;
    check_current(draft, &names, encoding);
    let fallbacks = check_fallbacks(draft, &names, encoding);
    draft.entries.remove(&names.fallbacks);
    let current = draft.entries.remove(&names.current)?.value;
    // One that an optional rule let through empty is none.
    if current.expose().is_empty() {
        return None;
    }
    let fallbacks = fallbacks.into_iter().filter(|key| *key != current).collect();
    let KeyNames { current: current_name, fallbacks: fallbacks_name } = names;
    Some(DjangoKeys { current_name, fallbacks_name, encoding, current, fallbacks })
}

/// What would break the key when it has become a fallback.
fn check_current(draft: &mut Draft<'_>, names: &KeyNames, encoding: Encoding) {
    let name = &names.current;
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
