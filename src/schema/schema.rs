use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use crate::secrets::Name;

use super::database_parts;
use super::rule::Rule;

/// What the secrets must be.
#[derive(Debug)]
pub struct Schema {
    pub(super) unlisted: Unlisted,
    pub(super) rules: BTreeMap<Name, Rule>,
    pub(super) any_of: Vec<AnyOf>,
    /// The built-in one, which also judges the key and the database by names of its own.
    pub(super) is_django: bool,
    /// The names of the groups.
    grouped: BTreeSet<Name>,
}

/// What becomes of a variable that the schema does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unlisted {
    Drop,
    Pass,
    Refuse,
}

/// Groups of variables of which one must be complete.
#[derive(Debug)]
pub(super) struct AnyOf {
    pub sets: Vec<Vec<Name>>,
}

impl Schema {
    pub(super) fn new(
        unlisted: Unlisted,
        rules: BTreeMap<Name, Rule>,
        any_of: Vec<AnyOf>,
        is_django: bool,
    ) -> Self {
        let grouped =
            any_of.iter().flat_map(|group| group.sets.iter().flatten().cloned()).collect();
        Schema { unlisted, rules, any_of, is_django, grouped }
    }

    /// The length of the values that keybearer makes for the variable; None where it makes none.
    pub fn generated(&self, name: &Name) -> Option<usize> {
        self.rules.get(name)?.generate
    }

    /// Whether a table or a group of the schema names the variable.
    pub(super) fn names(&self, name: &Name) -> bool {
        self.rules.contains_key(name) || self.grouped.contains(name)
    }

    /// The variables that it has a rule for, and that are in `names`.
    pub fn judges<'a>(&'a self, names: &'a BTreeMap<OsString, OsString>) -> Vec<&'a Name> {
        self.rules.keys().filter(|name| names.contains_key(OsStr::new(name.as_str()))).collect()
    }

    /// Whether the variable is wanted only to compose another one of it.
    pub(super) fn composes_of(&self, name: &Name) -> bool {
        database_parts::is_part(name.as_str()) && self.rules.values().any(|rule| rule.compose)
    }

    /// True unless said, unless there is a default, or unless a group decides.
    pub(super) fn requires(&self, name: &Name, rule: &Rule) -> bool {
        rule.required.unwrap_or(rule.default.is_none() && !self.grouped.contains(name))
    }
}
