use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use crate::files::quoted;
use crate::secrets::Secret;
use crate::sources::Error;
use crate::sources::gathered::Gathered;
use crate::sources::selection::{Picks, choose};

use super::parse;

/// What an env file that was read gives the site.
pub(crate) fn gather(path: &Path, bytes: &[u8], selection: Picks<'_>) -> Result<Gathered, Error> {
    let parsed = parse(bytes).map_err(|errors| Error::Syntax { path: path.to_owned(), errors })?;
    let mut gathered = Gathered::from(Rc::from(quoted(path)));
    let remarks = parsed.remarks.iter().map(|remark| format!("{}: {remark}", quoted(path)));
    gathered.warnings.extend(remarks);

    let mut values: BTreeMap<String, Secret> = BTreeMap::new();
    for assignment in parsed.assignments {
        values.insert(assignment.name.to_string(), assignment.value);
    }
    let held: BTreeSet<String> = values.keys().cloned().collect();
    for chosen in choose(selection, &held, &gathered.source, &mut gathered.warnings)? {
        if let Some(value) = values.get(&chosen.own) {
            gathered.values.push((chosen.site, value.duplicate()));
        }
    }
    Ok(gathered)
}
