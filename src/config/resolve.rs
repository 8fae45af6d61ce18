use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::files::{self, Rule};
use crate::log;

use super::table::Document;
use super::{
    AccountSpec, Error, Keys, Listen, OnHup, Overrides, Raw, RawKeys, Ready, Reload, SchemaChoice,
    Settings, SourceKind, SourceSpec, Watch, forms, parse_with, store_options, variables,
};

/// Where the config file is looked for when none is named.
const CONFIG_DIRECTORY: &str = "/etc/keybearer";
const DEFAULT_NAME: &str = "keybearer";

/// Flag beats variable beats file, and every default is filled in.
pub fn resolve(
    flags: Overrides,
    environment: &BTreeMap<OsString, OsString>,
) -> Result<Settings, Error> {
    resolve_in(Path::new(CONFIG_DIRECTORY), flags, environment)
}

/// How to log, known before anything that could fail and would have to be logged.
pub fn log_settings(
    flags: &Overrides,
    environment: &BTreeMap<OsString, OsString>,
) -> log::Settings {
    let variables = variables::read(environment).map(|(given, _)| given).unwrap_or_default();
    let flags = Overrides {
        log_format: flags.log_format,
        verbose: flags.verbose,
        quiet: flags.quiet,
        ..Overrides::default()
    };
    flags.over(variables).log()
}

fn resolve_in(
    config_directory: &Path,
    flags: Overrides,
    environment: &BTreeMap<OsString, OsString>,
) -> Result<Settings, Error> {
    let (variables, mut warnings) = variables::read(environment)?;
    let given = flags.over(variables);
    let config_file = config_file(config_directory, &given);
    let raw = match &config_file {
        Some(file) => read(file, environment, &mut warnings)?,
        None => Raw::default(),
    };
    let name = name(&given, &raw, config_file.as_deref())?;
    let mut sources = if given.sources.is_empty() {
        raw.sources
    } else {
        given.sources.into_iter().map(store_options::source).collect()
    };
    for source in &mut sources {
        store_options::fill_in(&mut source.kind, environment)?;
    }
    if sources.is_empty() {
        let config = config_file.unwrap_or_else(|| config_directory.join(format!("{name}.toml")));
        return Err(Error::NoSource { config, warnings });
    }
    let sockets =
        if given.listen.is_empty() { raw.listen.sockets.unwrap_or_default() } else { given.listen };
    if let Some(address) = sockets
        .iter()
        .enumerate()
        .find_map(|(index, address)| sockets[..index].contains(address).then(|| address.clone()))
    {
        return Err(Error::AddressTwice { address });
    }
    let keys = keys(raw.keys, &sources, config_file.as_deref(), &mut warnings)?;
    let is_asked =
        |source: &SourceSpec| matches!(source.kind, SourceKind::Remote(_) | SourceKind::Command(_));
    if let Some(file) = config_file.as_deref().filter(|_| raw.cache.is_some())
        && !sources.iter().any(is_asked)
    {
        warnings.push(format!(
            "'{}': [cache] has no effect: none of the sources is a store or a command; take it out",
            file.display()
        ));
    }
    // A group in the file is that of the file's user; it goes with it.
    let account =
        given.user.or_else(|| raw.user.map(|user| AccountSpec { user, group: raw.group }));
    Ok(Settings {
        name,
        config_file,
        command: if given.command.is_empty() {
            raw.command.unwrap_or_default()
        } else {
            given.command
        },
        account,
        directory: raw.directory,
        umask: raw.umask.unwrap_or(0o022),
        schema: given.schema.or(raw.schema).unwrap_or(SchemaChoice::Django),
        sources,
        listen: Listen { sockets, mode: raw.listen.mode.unwrap_or(0o660) },
        server: raw.server,
        ready: Ready {
            path: given.ready_path.or(raw.ready.path),
            within: raw.ready.within.unwrap_or(Duration::from_secs(60)),
            headers: raw.ready.headers.unwrap_or_default(),
            settle: raw.ready.settle.unwrap_or(Duration::from_secs(3)),
            liveness: raw.ready.liveness.unwrap_or(false),
        },
        fetch_within: raw.fetch_within.unwrap_or(Duration::from_secs(30)),
        cache: raw.cache,
        helper_user: raw.helper_user,
        manage: raw.manage,
        keys,
        reload: Reload {
            strategy: raw.reload.strategy,
            before: raw.reload.before.unwrap_or_default(),
            drain: raw.reload.drain.unwrap_or(Duration::from_secs(35)),
        },
        watch: raw.watch.map_or_else(Watch::default, |watch| Watch {
            every: watch.every,
            files: watch.files.unwrap_or(true),
        }),
        environment: raw.environment,
        warnings,
    })
}

/// The named file, or the default one where there is one.
fn config_file(config_directory: &Path, given: &Overrides) -> Option<PathBuf> {
    if given.config.is_some() {
        return given.config.clone();
    }
    let name = given.name.as_deref().unwrap_or(DEFAULT_NAME);
    let file = config_directory.join(format!("{name}.toml"));
    // Whatever else is wrong with it, reading it says so.
    match file.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Ok(_) | Err(_) => Some(file),
    }
}

/// The defaults of `[keys]`, and what the sources cannot do.
fn keys(
    raw: RawKeys,
    sources: &[SourceSpec],
    config_file: Option<&Path>,
    warnings: &mut Vec<String>,
) -> Result<Keys, Error> {
    let default = Keys::default();
    let keys = Keys {
        current: raw.current,
        fallbacks: raw.fallbacks,
        encoding: raw.encoding.unwrap_or_default(),
        keep: raw.keep.unwrap_or(default.keep),
        grace: raw.grace.unwrap_or(default.grace),
        every: raw.every.unwrap_or(default.every),
        hosts: raw.hosts,
        on_hup: raw.on_hup.unwrap_or_default(),
        write_back: raw.write_back,
        history: raw.history.unwrap_or_default(),
    };
    let has_file = sources.iter().any(|source| matches!(source.kind, SourceKind::EnvFile { .. }));
    if keys.on_hup == OnHup::Generate && !has_file {
        let has_store = sources.iter().any(|source| matches!(source.kind, SourceKind::Remote(_)));
        return Err(Error::NothingToWrite {
            mend: if has_store {
                "leave on-hup out, and use keybearer rotate, which writes to stores too"
            } else {
                "put the key into one, or leave on-hup out"
            },
        });
    }
    let keeps_history = |source: &SourceSpec| match &source.kind {
        SourceKind::Remote(remote) => remote.keeps_history(),
        SourceKind::EnvFile { .. }
        | SourceKind::Directory { .. }
        | SourceKind::SystemdCredentials { .. }
        | SourceKind::Environment { .. }
        | SourceKind::Command(_) => false,
    };
    let history_is_kept = sources.iter().any(keeps_history);
    if let Some(file) = config_file.filter(|_| keys.history && !history_is_kept) {
        warnings.push(format!(
            "'{}': [keys] history has no effect: none of the sources keeps older values; take it out",
            file.display()
        ));
    }
    Ok(keys)
}

/// The file's text and what it says.
fn read(
    file: &Path,
    variables: &BTreeMap<OsString, OsString>,
    warnings: &mut Vec<String>,
) -> Result<Raw, Error> {
    let bytes = contents(file, warnings)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let text = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let document = Document { text: &text, file, asked: None, variables };
        document.error(text.len(), "not UTF-8".to_owned())
    })?;
    parse_with(text, file, variables)
}

fn contents(file: &Path, warnings: &mut Vec<String>) -> Result<Vec<u8>, Error> {
    let contents = files::read(file, Rule::Config)?;
    warnings.extend(contents.warnings);
    Ok(contents.bytes.to_vec())
}

/// `--name`, else what the file says, else the file's stem, else `keybearer`.
fn name(given: &Overrides, raw: &Raw, config_file: Option<&Path>) -> Result<String, Error> {
    if let Some(name) = given.name.as_ref().or(raw.name.as_ref()) {
        return Ok(name.clone());
    }
    let Some(config) = config_file else {
        return Ok(DEFAULT_NAME.to_owned());
    };
    config
        .file_stem()
        .and_then(|stem| stem.to_str())
        .and_then(|stem| forms::instance_name(stem).ok())
        .ok_or_else(|| Error::NoInstanceName { config: config.to_owned() })
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
