use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::rc::Rc;

use crate::config::{Engine, KeyNames, Keys, Remote, SourceKind, SourceSpec};
use crate::files::{self, Rule, quoted};
use crate::helper::Got;
use crate::secrets::{Name, Secret};
use crate::stores::Asked;

use super::gathered::Gathered;
use super::selection::Picks;
use super::{
    Earlier, Entry, Error, Fetched, command, credentials, directory, env_file, environment, remote,
};

/// MAX_ARG_STRLEN less the NUL at the end (execve(2)).
const LONGEST: usize = 131_071;

/// Reads all sources in their order; a later one wins, and says so. What rotation writes beside one of
/// `keys` is taken wherever the key is.
pub fn fetch(
    specs: &[SourceSpec],
    keys: &Keys,
    inherited: &BTreeMap<OsString, OsString>,
    credentials_directory: Option<&Path>,
    asked: &Asked,
) -> Result<Fetched, Error> {
    let mut fetched = Fetched::default();
    let keys = KeyNames::candidates(keys);
    for (origin, spec) in specs.iter().enumerate() {
        let given = Given { inherited, credentials_directory, asked };
        let gathered = gather(origin, spec, &keys, given)?;
        overlay(&mut fetched, gathered, origin, &keys);
        if let Some(got) = asked.of(origin) {
            let picks = Picks { selection: &spec.selection, keys: &keys };
            let earlier = remote::history(got, picks);
            fetched.earlier.extend(earlier.map(|(name, value)| Earlier {
                name: name.clone(),
                value: value.duplicate(),
                origin,
            }));
        }
    }
    for (name, entry) in &fetched.entries {
        let size = name.as_str().len() + 1 + entry.value.expose().len();
        if size > LONGEST {
            return Err(Error::TooLarge {
                from: entry.source.to_string(),
                name: name.clone(),
                size,
                limit: LONGEST,
            });
        }
    }
    Ok(fetched)
}

/// What one store gives the site, where it holds this.
pub fn given_by(
    spec: &SourceSpec,
    keys: &Keys,
    got: &Got,
) -> Result<BTreeMap<Name, Secret>, Error> {
    let keys = KeyNames::candidates(keys);
    let picks = Picks { selection: &spec.selection, keys: &keys };
    let gathered = remote::gather(&Rc::from(spec.kind.to_string()), got, picks, false)?;
    Ok(gathered.values.into_iter().collect())
}

/// What is not read from a file.
#[derive(Clone, Copy)]
struct Given<'a> {
    inherited: &'a BTreeMap<OsString, OsString>,
    credentials_directory: Option<&'a Path>,
    asked: &'a Asked,
}

fn gather(
    origin: usize,
    spec: &SourceSpec,
    keys: &[KeyNames],
    given: Given<'_>,
) -> Result<Gathered, Error> {
    let Given { inherited, credentials_directory, asked } = given;
    let selection = Picks { selection: &spec.selection, keys };
    match &spec.kind {
        SourceKind::EnvFile { path } => {
            let contents = files::read(path, Rule::EnvFile)?;
            let mut gathered = env_file::gather(path, &contents.bytes, selection)?;
            gathered.warnings.extend(contents.warnings);
            Ok(gathered)
        }
        SourceKind::Directory { path } => {
            let source = Rc::from(format!("directory {}", quoted(path)));
            directory::fetch(path, &source, None, selection)
        }
        SourceKind::SystemdCredentials { wanted } => {
            credentials::fetch(wanted, selection, credentials_directory)
        }
        SourceKind::Environment { wanted } => environment::fetch(wanted, selection, inherited),
        SourceKind::Remote(remote) => {
            let got = asked.of(origin).ok_or_else(|| Error::NotAsked(remote.to_string()))?;
            let is_lease = matches!(&**remote, Remote::Vault(v) if v.engine == Engine::Database);
            remote::gather(&Rc::from(remote.to_string()), got, selection, is_lease)
        }
        SourceKind::Command(tool) => {
            let got = asked.of(origin).ok_or_else(|| Error::NotAsked(tool.to_string()))?;
            command::gather(tool, got, selection)
        }
    }
}

fn overlay(fetched: &mut Fetched, gathered: Gathered, origin: usize, keys: &[KeyNames]) {
    fetched.warnings.extend(gathered.warnings);
    if gathered.values.is_empty() {
        fetched.warnings.push(format!("{} gives no variable", gathered.source));
    }
    for (name, value) in gathered.values {
        let entry = Entry { value, source: Rc::clone(&gathered.source), origin: Some(origin) };
        if let Some(earlier) = fetched.entries.insert(name.clone(), entry) {
            if keys.iter().any(|key| key.own().contains(&&name)) {
                fetched.replaced.push((name, earlier));
                continue;
            }
            fetched.warnings.push(format!(
                "{name} from {} is replaced by the one from {}",
                earlier.source, gathered.source
            ));
        }
    }
    for name in gathered.taken {
        if !fetched.taken.contains(&name) {
            fetched.taken.push(name);
        }
    }
}

#[cfg(test)]
mod tests;
