use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::config::{KeyNames, known_name};
use crate::secrets::{Name, Secret};
use crate::sources::{Earlier, Entry, Fetched};

use super::database_parts::{self, DatabaseParts, Part};
use super::database_url::DatabaseUrl;
use super::engine;
use super::fault::Fault;
use super::forbidden;
use super::kind::Kind;
use super::report::{Report, Violation};
use super::rule::Rule;
use super::schema::{Schema, Unlisted};
use super::validated::{DjangoKeys, Validated};

/// What was fetched, on its way to being validated: each step takes out, fills in or complains.
pub(super) struct Draft<'a> {
    schema: &'a Schema,
    pub entries: BTreeMap<Name, Entry>,
    replaced: Vec<(Name, Entry)>,
    pub earlier: Vec<Earlier>,
    taken: Vec<Name>,
    warnings: Vec<String>,
    violations: Vec<Violation>,
}

impl<'a> Draft<'a> {
    pub fn new(fetched: Fetched, schema: &'a Schema) -> Self {
        let Fetched { entries, taken, replaced, earlier, warnings } = fetched;
        Draft { schema, entries, replaced, earlier, taken, warnings, violations: Vec::new() }
    }

    /// A value that is there and not empty.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(|entry| entry.value.expose()).filter(|value| !value.is_empty())
    }

    pub fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    pub fn refuse(&mut self, name: Option<Name>, fault: Fault) {
        let source =
            name.as_ref().and_then(|name| self.entries.get(name)).map(|e| e.source.clone());
        self.violations.push(Violation::new(name, source.as_deref(), fault));
    }

    /// Of what rotation keeps to itself, leaves what stands beside the key: that of another document
    /// says nothing about this one.
    pub fn settle_rotation(&mut self, keys: &KeyNames) {
        let key = self.entries.get(&keys.current);
        let (origin, place) = (key.and_then(|key| key.origin), key.map(|key| key.source.clone()));
        let replaced = std::mem::take(&mut self.replaced);
        let fetched: Vec<(Name, Entry)> =
            keys.own().into_iter().filter_map(|name| self.entries.remove_entry(name)).collect();
        let own = replaced.into_iter().filter(|(name, _)| keys.own().contains(&name));
        for (name, entry) in own.chain(fetched) {
            if origin.is_some() && entry.origin == origin {
                self.entries.insert(name, entry);
                continue;
            }
            let (current, source) = (&keys.current, &entry.source);
            self.warn(match &place {
                Some(place) => format!(
                    "{name} (in {source}) is not used, since {current} comes from {place}; \
                     take it out, or keep it beside the key"
                ),
                None => format!(
                    "{name} (in {source}) is not used without {current} beside it; take it out"
                ),
            });
        }
    }

    /// What is keybearer's own, and no part of a key, was misplaced.
    pub fn drop_own(&mut self, keys: &KeyNames) {
        let warnings = &mut self.warnings;
        self.entries.retain(|name, entry| {
            let own = forbidden::is_own(name.as_str()) && *name != keys.record;
            if own {
                let source = &entry.source;
                warnings.push(format!(
                    "{name} (in {source}) never reaches the site, dropped; it belongs in \
                     keybearer's own environment"
                ));
            }
            !own
        });
    }

    pub fn drop_forbidden(&mut self, allow: &BTreeSet<Name>) {
        let Draft { schema, warnings, entries, .. } = self;
        entries.retain(|name, entry| {
            let good = !forbidden::is_forbidden(name.as_str())
                || schema.names(name)
                || allow.contains(name);
            if !good {
                let source = &entry.source;
                warnings.push(format!(
                    "{name} (in {source}) never comes from a source, dropped; to have it, name it \
                     in the schema or in [environment] allow"
                ));
            }
            good
        });
    }

    pub fn settle_unlisted(&mut self, keys: &KeyNames, allow: &BTreeSet<Name>) {
        let schema = self.schema;
        if schema.unlisted == Unlisted::Pass {
            return;
        }
        let is_listed = |name: &Name| {
            schema.names(name)
                || schema.composes_of(name)
                || keys.contains(name)
                || allow.contains(name)
        };
        let unlisted: Vec<Name> =
            self.entries.keys().filter(|name| !is_listed(name)).cloned().collect();
        if schema.unlisted == Unlisted::Refuse {
            for name in unlisted {
                let mend = "name it there, take it out, or set unlisted = \"drop\"";
                self.refuse(Some(name), Fault::new("is not in the schema", mend));
            }
            return;
        }
        if let Some(names) = enumerate(&unlisted) {
            self.warn(format!(
                "not in the schema, dropped: {names}; name them there, or set unlisted = \"pass\""
            ));
        }
        for name in &unlisted {
            self.entries.remove(name);
        }
    }

    /// An environment string ends at its first NUL byte: what the site would see is another value.
    pub fn refuse_nul(&mut self) {
        let bad: Vec<Name> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.value.expose().contains('\0'))
            .map(|(name, _)| name.clone())
            .collect();
        for name in bad {
            self.refuse(Some(name), Fault::new("holds a NUL byte", "take it out"));
        }
    }

    /// Fills in defaults, composes, takes apart. What is to be composed gets its default last, and
    /// its parts get theirs first.
    pub fn fill_in(&mut self) {
        let schema = self.schema;
        let (composed, plain): (Vec<_>, Vec<_>) =
            schema.rules.iter().partition(|(_, rule)| rule.compose);
        self.fill_defaults(&plain);
        for (name, rule) in &composed {
            self.compose(name, rule);
        }
        self.fill_defaults(&composed);
        for (name, rule) in schema.rules.iter().filter(|(_, rule)| rule.split) {
            self.split(name, rule);
        }
    }

    fn fill_defaults(&mut self, rules: &[(&Name, &Rule)]) {
        for (name, rule) in rules {
            if let Some(default) = &rule.default
                && self.given(name.as_str()).is_none()
            {
                self.insert(name, default.clone(), "the schema's default");
            }
        }
    }

    fn compose(&mut self, name: &Name, rule: &Rule) {
        if self.given(name.as_str()).is_none() {
            let parts = DatabaseParts::of(|part| self.given(part));
            if !parts.is_meant() {
                return;
            }
            let composed = match parts.half() {
                Some(fault) => Err(fault),
                None => parts.compose(rule.kind.schemes()),
            };
            match composed {
                Ok(url) => self.insert(name, url, "composed of DB_*"),
                Err(fault) => self.refuse(Some(name.clone()), fault),
            }
        }
        // They were wanted for this alone.
        let schema = self.schema;
        self.entries.retain(|name, _| schema.names(name) || !schema.composes_of(name));
    }

    fn split(&mut self, name: &Name, rule: &Rule) {
        let Some(Ok(url)) =
            self.given(name.as_str()).map(|text| DatabaseUrl::parse(text, rule.kind.schemes()))
        else {
            // Missing or wrong: the rule says so.
            return;
        };
        if url.has_options {
            self.warn(format!("{name} has options after '?', which DB_* have no place for"));
        }
        let engine = engine::of_scheme(&url.scheme).map(str::to_owned);
        let parts: [(Part, Option<String>); 6] = [
            (database_parts::ENGINE, engine),
            (database_parts::NAME, Some(url.name)),
            (database_parts::USER, url.user),
            (database_parts::PASSWORD, url.password),
            (database_parts::HOST, url.host),
            (database_parts::PORT, url.port.map(|port| port.to_string())),
        ];
        for (part, value) in parts {
            let Some(value) = value else { continue };
            let part = part.own_name();
            match self.given(part) {
                None => self.insert(&known_name(part), value, "taken out of the URL"),
                Some(given) if given != value => {
                    self.warn(format!("{part} is given and is not what {name} says; it stands"));
                }
                Some(_) => {}
            }
        }
    }

    fn insert(&mut self, name: &Name, value: String, source: &'static str) {
        let entry = Entry { value: Secret::new(value), source: Rc::from(source), origin: None };
        self.entries.insert(name.clone(), entry);
    }

    /// Every rule but those of what stands beside the key, which is judged when it is taken out.
    pub fn check_rules(&mut self, keys: &KeyNames) {
        let schema = self.schema;
        for (name, rule) in schema.rules.iter().filter(|(name, _)| !keys.beside().contains(name)) {
            let fault = match self.given(name.as_str()) {
                Some(value) => rule.check(value).err(),
                None if schema.requires(name, rule) => Some(self.absent(name, rule)),
                None => None,
            };
            // A variable that could not be composed has been complained about.
            let complained =
                rule.compose && self.violations.iter().any(|v| v.name.as_ref() == Some(name));
            if let Some(fault) = fault.filter(|_| !complained) {
                self.refuse(Some(name.clone()), fault);
            }
        }
    }

    fn absent(&self, name: &Name, rule: &Rule) -> Fault {
        let made =
            format!("put it into a source, or have it made: keybearer rotate --value {name}");
        let mend = match rule.kind {
            Kind::DjangoSecretKey => super::key_strength::MEND,
            _ if rule.compose => {
                "put it, or DB_NAME, DB_USER, DB_PASSWORD and DB_HOST, into a source"
            }
            _ if rule.generate.is_some() => made.as_str(),
            _ => "put it into a source",
        };
        let problem = if self.entries.contains_key(name) { "is empty" } else { "is missing" };
        Fault::new(problem, mend.to_owned())
    }

    pub fn check_groups(&mut self) {
        let schema = self.schema;
        for group in &schema.any_of {
            let missing = |set: &Vec<Name>| -> Vec<Name> {
                set.iter().filter(|name| self.given(name.as_str()).is_none()).cloned().collect()
            };
            let missing: Vec<Vec<Name>> = group.sets.iter().map(missing).collect();
            if missing.iter().any(Vec::is_empty) {
                continue;
            }
            let sets: Vec<String> = missing.iter().filter_map(|set| enumerate(set)).collect();
            self.refuse(
                None,
                Fault::new(
                    "no set of an any-of group is complete",
                    format!("still missing: {}", sets.join(", or: ")),
                ),
            );
        }
    }

    /// The rule that the schema has for a variable.
    pub fn rule(&self, name: &Name) -> Option<&'a Rule> {
        self.schema.rules.get(name)
    }

    pub fn finish(self, keys: Option<DjangoKeys>) -> Result<Validated, Report> {
        let Draft { entries, taken, warnings, violations, .. } = self;
        if !violations.is_empty() {
            return Err(Report { violations, warnings });
        }
        let variables = entries.into_iter().map(|(name, entry)| (name, entry.value)).collect();
        Ok(Validated { variables, keys, taken, warnings })
    }
}

/// `A, B and 9,998 more`, cut where a line would no longer be read; None for no names.
fn enumerate(names: &[Name]) -> Option<String> {
    const SHOWN: usize = 12;
    if names.is_empty() {
        return None;
    }
    let shown: Vec<&str> = names.iter().take(SHOWN).map(Name::as_str).collect();
    let more = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(shown.join(", ") + &more)
}
