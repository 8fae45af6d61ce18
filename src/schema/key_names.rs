use std::collections::BTreeMap;

use crate::config::{KeyNames, Keys};
use crate::secrets::Name;
use crate::sources::Entry;

use super::schema::Schema;

/// Under which names the Django keys are looked for: the guides' where only that is there, in the
/// schema, which knows what the settings read, else in what was fetched.
pub(super) fn choose(keys: &Keys, schema: &Schema, entries: &BTreeMap<Name, Entry>) -> KeyNames {
    let mut candidates = KeyNames::candidates(keys);
    let in_schema = |key: &KeyNames| schema.rules.contains_key(&key.current);
    let in_source = |key: &KeyNames| entries.contains_key(&key.current);
    let found = candidates
        .iter()
        .position(in_schema)
        .or_else(|| candidates.iter().position(in_source))
        .unwrap_or(0);
    candidates.swap_remove(found)
}
