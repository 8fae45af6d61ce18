//! `[[source]]` of type "command".

use std::ffi::OsString;
use std::path::Path;

use super::Error;
use super::forms::{account_name, time_limit};
use super::raw::{DURATION, variables};
use super::raw_source::selection;
use super::table::Table;
use super::value::{Value, Wrong, choice, form, words};
use super::{Selection, Tool, ToolFormat};

pub(super) fn tool(table: &mut Table<'_>) -> Result<(Tool, Selection), Error> {
    let argv = table.read("argv", argv)?;
    let user = table.read("user", form("a user's name", account_name))?;
    let format = choice(&[("json", ToolFormat::Json), ("env", ToolFormat::Env)]);
    let format = table.read("format", format)?.unwrap_or_default();
    let within = table.read("within", form(DURATION, time_limit))?;
    let keep = table.read("keep", variables)?.unwrap_or_default();
    let selection = selection(table)?;
    let argv = argv.ok_or_else(|| table.missing("argv"))?;
    Ok((Tool { argv, user, format, within, keep }, selection))
}

/// Which program a name without a path means, PATH would decide.
fn argv(value: &Value<'_>) -> Result<Vec<OsString>, Wrong> {
    let argv = words(value)?;
    match argv.first() {
        Some(program) if Path::new(program).is_absolute() => Ok(argv),
        _ => Err(Wrong::at(
            value,
            "expected the program's absolute path as the first word, such as \"/usr/bin/sops\"",
        )),
    }
}
