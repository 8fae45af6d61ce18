use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use crate::schema::DjangoKeys;
use crate::secrets::Secret;

/// The variables that the keys stand in, whoever else had them.
pub(super) fn take_over(
    keys: &DjangoKeys,
    variables: &mut BTreeMap<OsString, Secret>,
    plain: &mut BTreeMap<OsString, OsString>,
    warnings: &mut Vec<String>,
) {
    let name = &keys.fallbacks_name;
    if plain.get(OsStr::new(name.as_str())).is_some_and(|value| !value.is_empty()) {
        warnings.push(format!(
            "{name} is inherited and comes from no source, so it is not carried; \
             take it in with a source of type environment"
        ));
    }
    // A staged key is a secret of the rotation's, wherever it came from.
    let staged = keys.current_name.with_suffix("_NEXT");
    for name in [&keys.current_name, name, &staged] {
        plain.remove(OsStr::new(name.as_str()));
        variables.remove(OsStr::new(name.as_str()));
    }
}

/// The other names that settings usually read their fallbacks from: an empty item in one is filled with
/// the current key, since somebody may read it; without a key the variable goes. Answers with those that
/// the current key stands in for.
pub(super) fn mend_others(
    fallbacks: Option<&str>,
    variables: &mut BTreeMap<OsString, Secret>,
    plain: &mut BTreeMap<OsString, OsString>,
    warnings: &mut Vec<String>,
) -> Vec<OsString> {
    let hole = |text: &str| text.split(',').any(|item| item.trim().is_empty());
    let why = "with an empty fallback Django accepts what anybody signed";
    let mut mended = Vec::new();
    for name in ["SECRET_KEY_FALLBACKS", "DJANGO_SECRET_KEY_FALLBACKS"] {
        let variable = OsStr::new(name);
        let given = variables.get(variable).is_some_and(|value| hole(value.expose()));
        let inherited = plain.get(variable).is_some_and(|value| hole(&value.to_string_lossy()));
        if fallbacks == Some(name) || !given && !inherited {
            continue;
        }
        plain.remove(variable);
        variables.remove(variable);
        match fallbacks {
            Some(_) => {
                warnings.push(format!(
                    "{name} has an empty item and holds the current key instead: {why}; \
                     take it out, or name it: [keys] fallbacks = \"{name}\""
                ));
                mended.push(name.into());
            }
            None => {
                warnings.push(format!("{name} has an empty item, dropped: {why}; take it out"));
            }
        }
    }
    mended
}
