//! The schema that is built in: what every Django site needs, and nothing about the rest.

use std::collections::BTreeMap;

use crate::config::{KeyNames, known_name};
use crate::secrets::Name;

use super::database_parts::DatabaseParts;
use super::draft::Draft;
use super::equals::Equals;
use super::fault::Fault;
use super::key_strength::{self, DJANGO_LENGTH, LEAST_LENGTH};
use super::kind::Kind;
use super::list_form::ListForm;
use super::rule::Rule;
use super::schema::{Schema, Unlisted};
use super::url;
use super::validated::DjangoKeys;

impl Schema {
    /// `schema = "django"`, and what is used where none is given.
    pub fn django() -> Self {
        let list = |of| Kind::List { of: Box::new(of), form: Some(ListForm::Any) };
        let debug = || Rule { equals: Some(Equals::Bool(false)), ..Rule::optional(Kind::Bool) };
        let hosts = || Rule::optional(list(Kind::Host));
        let origins = || Rule::optional(list(Kind::Origin { schemes: Vec::new() }));
        let rules: BTreeMap<Name, Rule> = [
            ("DEBUG", debug()),
            ("DJANGO_DEBUG", debug()),
            ("ALLOWED_HOSTS", hosts()),
            ("DJANGO_ALLOWED_HOSTS", hosts()),
            ("CSRF_TRUSTED_ORIGINS", origins()),
            ("DJANGO_CSRF_TRUSTED_ORIGINS", origins()),
            ("DATABASE_URL", Rule::optional(Kind::DatabaseUrl { schemes: Vec::new() })),
            ("SENTRY_DSN", Rule::optional(Kind::SentryDsn)),
        ]
        .into_iter()
        .map(|(name, rule)| (known_name(name), rule))
        .collect();
        Schema::new(Unlisted::Pass, rules, Vec::new(), true)
    }
}

/// What the built-in schema asks beyond its rules.
pub(super) fn check(draft: &mut Draft<'_>, names: &KeyNames) {
    check_key(draft, names);
    check_database(draft);
    check_urls(draft);
}

fn check_key(draft: &mut Draft<'_>, names: &KeyNames) {
    let name = &names.current;
    if draft.given(name.as_str()).is_none() {
        let problem = if draft.entries.contains_key(name) { "is empty" } else { "is missing" };
        draft.refuse(
            Some(name.clone()),
            Fault::new(problem, format!("put it into a source; {}", key_strength::MEND)),
        );
    }
    check_strength(draft, name);
    check_strength(draft, &names.next);
}

fn check_strength(draft: &mut Draft<'_>, name: &Name) {
    let Some(key) = draft.given(name.as_str()) else {
        return;
    };
    if let Some(problem) = key_strength::weakness(key, LEAST_LENGTH) {
        draft.refuse(Some(name.clone()), Fault::new(problem, key_strength::MEND));
    } else if let Some(warning) = weak_key(name, key) {
        draft.warn(warning);
    }
}

/// Fallbacks only verify, and go some day: they are warned about, never refused.
pub(super) fn warn_of_weak_fallbacks(draft: &mut Draft<'_>, keys: &DjangoKeys) {
    if let Some(warning) = weak_fallbacks(keys) {
        draft.warn(warning);
    }
}

/// Django's W009, as a warning; `check` says it too where a schema of one's own lets a key through.
pub(super) fn weak_key(name: &Name, key: &str) -> Option<String> {
    let problem = key_strength::weakness(key, DJANGO_LENGTH)?;
    Some(format!("{name} {problem} (security.W009); {}", key_strength::MEND))
}

/// Django's W025.
pub(super) fn weak_fallbacks(keys: &DjangoKeys) -> Option<String> {
    let name = &keys.fallbacks_name;
    let weak: Vec<(usize, String)> = keys
        .document
        .fallbacks
        .iter()
        .enumerate()
        .filter_map(|(index, key)| {
            Some((index + 1, key_strength::weakness(key.expose(), DJANGO_LENGTH)?))
        })
        .collect();
    let (first, problem) = weak.first()?;
    let more = match weak.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more are weak"),
    };
    Some(format!(
        "{name} item {first} {problem}{more} (security.W025); take it out once nothing is signed \
         with it any more"
    ))
}

fn check_database(draft: &mut Draft<'_>) {
    if draft.given("DATABASE_URL").is_some() {
        return;
    }
    let parts = DatabaseParts::of(|name| draft.given(name));
    let fault = parts.half();
    if !parts.is_meant() {
        draft.warn(
            "no database is given, neither DATABASE_URL nor DB_NAME, DB_USER, DB_PASSWORD and \
             DB_HOST: the site's settings decide"
                .to_owned(),
        );
    } else if let Some(fault) = fault {
        draft.refuse(None, fault);
    }
}

fn check_urls(draft: &mut Draft<'_>) {
    let bad: Vec<(Name, Fault)> = draft
        .entries
        .iter()
        .filter(|(name, _)| name.as_str().ends_with("_URL") && draft.rule(name).is_none())
        .filter_map(|(name, entry)| {
            Some((name.clone(), url::check_loosely(entry.value.expose()).err()?))
        })
        .collect();
    for (name, fault) in bad {
        draft.refuse(Some(name), fault);
    }
}
