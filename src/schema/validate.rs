use std::collections::BTreeSet;

use crate::config;
use crate::secrets::Name;
use crate::sources::Fetched;

use super::django;
use super::draft::Draft;
use super::key_names;
use super::keys::take_keys;
use super::report::Report;
use super::schema::Schema;
use super::validated::Validated;

/// Makes of what was fetched what may be started, or says everything that is wrong with it.
///
/// `allow` is `[environment] allow`: names that a source may set although they steer the loader,
/// the interpreter or the shell.
pub fn validate(
    fetched: Fetched,
    schema: &Schema,
    keys: &config::Keys,
    allow: &BTreeSet<Name>,
) -> Result<Validated, Report> {
    let names = key_names::choose(keys, schema, &fetched.entries);
    let mut draft = Draft::new(fetched, schema);
    draft.settle_rotation(&names);
    draft.drop_own(&names);
    draft.drop_forbidden(allow);
    draft.settle_unlisted(&names, allow);
    draft.refuse_nul();
    draft.fill_in();
    draft.check_rules(&names);
    draft.check_groups();
    if schema.is_django {
        django::check(&mut draft, &names);
    }
    let keys = take_keys(&mut draft, names, keys);
    if let Some(keys) = keys.as_ref().filter(|_| schema.is_django) {
        django::warn_of_weak_fallbacks(&mut draft, keys);
    }
    draft.finish(keys)
}
