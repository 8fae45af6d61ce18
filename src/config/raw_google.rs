//! `[[source]]` of type "google-secret-manager".

use super::Error;
use super::forms::absolute_path;
use super::raw::{PATH, variable};
use super::raw_source::{only_variable, selection};
use super::store_forms::{address, google_project, google_secret, word};
use super::table::Table;
use super::value::{count, form};
use super::{GoogleSecret, Selection};

pub(super) fn secret(table: &mut Table<'_>) -> Result<(GoogleSecret, Selection), Error> {
    for key in ["credentials", "private-key", "access-token"] {
        table.refuse(
            key,
            "no secret belongs in this file; keep it in one of its own and name that: credentials-file",
        )?;
    }
    let project = table.read("project", form("a project's id", google_project))?;
    let secret = table.read("secret", form("a secret's name", google_secret))?;
    let version = table.read("version", count(1, u16::MAX))?;
    let google = GoogleSecret {
        project: String::new(),
        secret: String::new(),
        key: table.read("key", form("a field's name", word))?,
        variable: table.read("as", variable)?,
        version: version.and_then(|version| u64::try_from(version).ok()),
        credentials_file: table.read("credentials-file", form(PATH, absolute_path))?,
        endpoint: table.read("endpoint", form("an address", address))?,
        ca_file: table.read("ca-file", form(PATH, absolute_path))?,
    };
    let selection = selection(table)?;
    let google = GoogleSecret {
        project: project.ok_or_else(|| table.missing("project"))?,
        secret: secret.ok_or_else(|| table.missing("secret"))?,
        ..google
    };
    only_variable(table, &google.variable, &selection)?;
    Ok((google, selection))
}
