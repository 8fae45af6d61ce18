use std::collections::BTreeMap;

use crate::config::Keys;
use crate::secrets::Name;
use crate::sources::Entry;

use super::schema::Schema;

const NAME: &str = "SECRET_KEY";
const GUIDES_NAME: &str = "DJANGO_SECRET_KEY";

/// Under which names the Django keys are looked for.
pub(super) struct KeyNames {
    pub current: Name,
    pub fallbacks: Name,
}

impl KeyNames {
    pub fn choose(keys: &Keys, schema: &Schema, entries: &BTreeMap<Name, Entry>) -> Self {
        let current = keys.current.clone().unwrap_or_else(|| name(found(schema, entries)));
        let fallbacks = keys.fallbacks.clone().unwrap_or_else(|| current.with_suffix("_FALLBACKS"));
        KeyNames { current, fallbacks }
    }

    pub fn contains(&self, name: &Name) -> bool {
        *name == self.current || *name == self.fallbacks
    }
}

/// DJANGO_SECRET_KEY where only that is there: in the schema, which knows what the settings read,
/// else in what was fetched.
fn found(schema: &Schema, entries: &BTreeMap<Name, Entry>) -> &'static str {
    let only_guides = |plain: bool, guides: bool| guides && !plain;
    let in_schema = |name: &str| schema.rules.contains_key(name);
    let in_source = |name: &str| entries.contains_key(name);
    if in_schema(NAME) {
        NAME
    } else if only_guides(in_schema(NAME), in_schema(GUIDES_NAME))
        || only_guides(in_source(NAME), in_source(GUIDES_NAME))
    {
        GUIDES_NAME
    } else {
        NAME
    }
}

/// A name that stands in this program's text.
pub(super) fn name(text: &'static str) -> Name {
    // Every caller passes a constant of letters and underscores, and the tests run through them.
    text.parse().expect("a constant that is a variable name")
}
