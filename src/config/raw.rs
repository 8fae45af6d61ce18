use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::secrets::Name;

use super::forms::{
    absolute_path, account_name, duration, header_name, header_value, instance_name, octal,
    ready_path, time_limit,
};
use super::raw_keys::keys;
use super::raw_source::{one_of_each_type, source};
use super::table::{Asked, Document, Table};
use super::value::{Value, Wrong, boolean, choice, form, list, map, some, words};
use super::{
    Address, CacheSettings, EnvironmentSettings, Error, RawKeys, SchemaChoice, ServerKind,
    SourceSpec, Strategy,
};

/// The config file as it stands: forms checked, no default filled in.
#[derive(Debug, Default)]
pub struct Raw {
    pub name: Option<String>,
    pub command: Option<Vec<OsString>>,
    pub user: Option<String>,
    pub group: Option<String>,
    pub helper_user: Option<String>,
    pub directory: Option<PathBuf>,
    pub schema: Option<SchemaChoice>,
    pub umask: Option<u32>,
    pub sources: Vec<SourceSpec>,
    pub listen: RawListen,
    pub ready: RawReady,
    pub fetch_within: Option<Duration>,
    pub cache: Option<CacheSettings>,
    pub manage: Option<Vec<OsString>>,
    pub keys: RawKeys,
    pub reload: RawReload,
    pub environment: EnvironmentSettings,
    pub server: Option<ServerKind>,
    /// None where the file has no such table: with it, though empty, files are watched.
    pub watch: Option<RawWatch>,
}

#[derive(Debug, Default)]
pub struct RawListen {
    pub sockets: Option<Vec<Address>>,
    pub mode: Option<u32>,
}

#[derive(Debug, Default)]
pub struct RawReady {
    pub path: Option<String>,
    pub within: Option<Duration>,
    pub headers: Option<BTreeMap<String, String>>,
    pub settle: Option<Duration>,
    pub liveness: Option<bool>,
}

#[derive(Debug, Default)]
pub struct RawReload {
    pub strategy: Option<Strategy>,
    pub before: Option<Vec<Vec<OsString>>>,
    pub drain: Option<Duration>,
}

#[derive(Debug, Default)]
pub struct RawWatch {
    pub every: Option<Duration>,
    pub files: Option<bool>,
}

/// The text of a config file. `file` is for messages only; nothing is opened.
pub fn parse(text: &str, file: &Path) -> Result<Raw, Error> {
    parse_with(text, file, &BTreeMap::new())
}

/// The same, with what `${NAME}` stands for.
pub fn parse_with(
    text: &str,
    file: &Path,
    variables: &BTreeMap<OsString, OsString>,
) -> Result<Raw, Error> {
    read(Document { text, file, asked: None, variables })
}

/// Every key that a config file may have, after the label of its table: the manual must name them all.
/// They are found by reading, so that they are the ones that `parse` knows.
pub fn keys_known() -> BTreeSet<(String, &'static str)> {
    let asked = Asked::default();
    let (file, variables) = (Path::new(""), &BTreeMap::new());
    // A table that is not there is read like an empty one; a source without a type is not.
    for text in one_of_each_type() {
        // Each lacks what it requires, and has been asked for everything before that is told.
        let _ = read(Document { text: &text, file, asked: Some(&asked), variables });
    }
    let _ = read(Document { text: "", file, asked: Some(&asked), variables });
    asked.into_inner()
}

fn read(document: Document<'_>) -> Result<Raw, Error> {
    let mut top = Table::top(document)?;
    let raw = Raw {
        name: top.read("name", form("a name", instance_name))?,
        command: top.read("command", words)?,
        user: top.read("user", form("a user's name", account_name))?,
        group: top.read("group", form("a group's name", account_name))?,
        helper_user: top.read("helper-user", form("a user's name", account_name))?,
        directory: top.read("directory", form(PATH, absolute_path))?,
        schema: top.read("schema", form("\"django\" or an absolute path", schema))?,
        umask: top.read("umask", form(MODE, octal))?,
        sources: top.tables("source")?.into_iter().map(source).collect::<Result<_, _>>()?,
        listen: listen(top.table("listen")?)?,
        ready: ready(top.table("ready")?)?,
        fetch_within: only(top.table("fetch")?, "within", form(DURATION, time_limit))?,
        cache: cache(&mut top)?,
        manage: only(top.table("django")?, "manage", words)?,
        keys: keys(top.table("keys")?)?,
        reload: reload(top.table("reload")?)?,
        environment: environment(top.table("environment")?)?,
        server: only(top.table("server")?, "kind", choice(ServerKind::WORDS))?,
        watch: watch(&mut top)?,
    };
    top.finish()?;
    if raw.group.is_some() && raw.user.is_none() {
        return Err(top.error("'group' needs 'user' beside it".to_owned()));
    }
    Ok(raw)
}

pub(super) const PATH: &str = "an absolute path";
pub(super) const DURATION: &str = "a duration in quotes, such as \"60s\"";
const MODE: &str = "an octal mode in quotes, such as \"0022\"";

/// A table of one key.
fn only<'a, T>(
    mut table: Table<'a>,
    key: &'static str,
    convert: impl Fn(&Value<'a>) -> Result<T, Wrong>,
) -> Result<Option<T>, Error> {
    let value = table.read(key, convert)?;
    table.finish()?;
    Ok(value)
}

fn listen(mut table: Table<'_>) -> Result<RawListen, Error> {
    let listen = RawListen {
        sockets: table.read("sockets", list(form("an address", str::parse)))?,
        mode: table.read("mode", form(MODE, octal))?,
    };
    table.finish()?;
    Ok(listen)
}

fn ready(mut table: Table<'_>) -> Result<RawReady, Error> {
    let ready = RawReady {
        path: table.read("path", form("a path such as \"/healthz\"", ready_path))?,
        within: table.read("within", form(DURATION, time_limit))?,
        headers: table.read("headers", map(header_name, form("a string", header_value)))?,
        settle: table.read("settle", form(DURATION, duration))?,
        liveness: table.read("liveness", boolean)?,
    };
    table.finish()?;
    Ok(ready)
}

fn reload(mut table: Table<'_>) -> Result<RawReload, Error> {
    let strategy = choice(&[
        ("hand-over", Strategy::HandOver),
        ("pause", Strategy::Pause),
        ("restart", Strategy::Restart),
    ]);
    let reload = RawReload {
        strategy: table.read("strategy", strategy)?,
        before: table.read("before", list(words))?,
        drain: table.read("drain", form(DURATION, duration))?,
    };
    table.finish()?;
    Ok(reload)
}

fn watch(top: &mut Table<'_>) -> Result<Option<RawWatch>, Error> {
    let given = top.has("watch");
    let mut table = top.table("watch")?;
    let watch = RawWatch {
        every: table.read("every", form(DURATION, time_limit))?,
        files: table.read("files", boolean)?,
    };
    table.finish()?;
    if watch.files == Some(false) && watch.every.is_none() {
        let message = "[watch] with files = false looks at nothing; give 'every', or leave it out";
        return Err(table.error(message.to_owned()));
    }
    Ok(given.then_some(watch))
}

/// How old a secret may be that a site starts with, nobody but its operator knows.
fn cache(top: &mut Table<'_>) -> Result<Option<CacheSettings>, Error> {
    let given = top.has("cache");
    let mut table = top.table("cache")?;
    let directory = table.read("directory", form(PATH, absolute_path))?;
    let max_age = table.read("max-age", form(DURATION, time_limit))?;
    table.finish()?;
    match (given, max_age) {
        (false, _) => Ok(None),
        (true, Some(max_age)) => Ok(Some(CacheSettings { directory, max_age })),
        (true, None) => Err(table.missing("max-age")),
    }
}

fn environment(mut table: Table<'_>) -> Result<EnvironmentSettings, Error> {
    let environment = EnvironmentSettings {
        set: table.read("set", map(name, form("a string", one_value)))?.unwrap_or_default(),
        unset: names(&mut table, "unset")?,
        clear: table.read("clear", boolean)?.unwrap_or_default(),
        keep: names(&mut table, "keep")?,
        allow: names(&mut table, "allow")?,
    };
    table.finish()?;
    Ok(environment)
}

fn names<C: Default + Extend<Name>>(table: &mut Table<'_>, key: &'static str) -> Result<C, Error> {
    let mut names = C::default();
    names.extend(table.read(key, list(variable))?.unwrap_or_default());
    Ok(names)
}

/// `schema = "django"`, or the file of the application's own.
fn schema(text: &str) -> Result<SchemaChoice, &'static str> {
    match text {
        "django" => Ok(SchemaChoice::Django),
        _ => absolute_path(text)
            .map(SchemaChoice::File)
            .map_err(|_| "expected \"django\" or an absolute path"),
    }
}

pub(super) fn variable(value: &Value<'_>) -> Result<Name, Wrong> {
    form("a variable's name", name)(value)
}

pub(super) fn variables(value: &Value<'_>) -> Result<Vec<Name>, Wrong> {
    some(variable)(value)
}

pub fn name(text: &str) -> Result<Name, &'static str> {
    text.parse()
        .map_err(|_| "expected a variable's name: letters, digits and '_', with no digit first")
}

fn one_value(text: &str) -> Result<String, &'static str> {
    if text.contains('\0') { Err("expected a value without NUL") } else { Ok(text.to_owned()) }
}

#[cfg(test)]
#[path = "raw_tests.rs"]
mod tests;
