//! What a command has printed, under the site's names.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::from_str;
use serde_json::value::RawValue;

use crate::config::{Tool, ToolFormat};
use crate::helper::Got;
use crate::secrets::Secret;

use super::gathered::Gathered;
use super::selection::Picks;
use super::{Error, env_file, remote};

pub(super) fn gather(tool: &Tool, got: &Got, picks: Picks<'_>) -> Result<Gathered, Error> {
    let from = tool.to_string();
    let mut read = Got { warnings: got.warnings.clone(), ..Got::default() };
    // All of it is one entry.
    let text = got.entries.first().map_or("", |(_, text)| text.expose());
    match tool.format {
        ToolFormat::Json => json(text, &from, &mut read)?,
        ToolFormat::Env => {
            let parsed = env_file::parse(text.as_bytes())
                .map_err(|errors| Error::Printed { from: from.clone(), errors })?;
            read.warnings.extend(parsed.remarks.iter().map(|remark| format!("{from}: {remark}")));
            for assignment in parsed.assignments {
                let name = assignment.name.to_string();
                read.entries.retain(|(other, _)| *other != name);
                read.entries.push((name, assignment.value));
            }
        }
    }
    remote::gather(&Rc::from(from), &read, picks, false)
}

/// Text as it is, and whatever else in the JSON that it was written in, as of stores.
fn json(text: &str, from: &str, read: &mut Got) -> Result<(), Error> {
    // The library's own words may quote what it has read.
    let object: BTreeMap<String, &RawValue> =
        from_str(text).map_err(|_| Error::NoObject { from: from.to_owned() })?;
    for (name, value) in object {
        match value.get() {
            "null" => read.warnings.push(format!("{from}: {name:?} is null and is left out")),
            json => {
                let text = from_str::<String>(json).unwrap_or_else(|_| json.to_owned());
                read.entries.push((name, Secret::new(text)));
            }
        }
    }
    Ok(())
}
