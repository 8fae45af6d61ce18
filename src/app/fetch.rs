use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::error::Error;
use super::prepare::Prepared;
use crate::config::{Keys, Settings};
use crate::environment::{Built, Environment};
use crate::keyring::{self, Policy};
use crate::log;
use crate::moment::Moment;
use crate::schema::{self, Schema, Validated};
use crate::secrets::Name;
use crate::sources::{self, Fetched};
use crate::stores::{Asked, Stores};
use crate::sys;

/// Sources to environment: fetch, validate, build; and what there is to warn of is said.
pub fn wanted(prepared: &Prepared) -> Result<Built, Error> {
    let (built, warnings) = quietly(prepared);
    warnings.iter().for_each(log::warning);
    // Nobody is there later to see what comes of it.
    if let Some(stores) = prepared.stores.as_ref().filter(|_| built.is_ok()) {
        stores.keep().unwrap_or_else(log::warning);
    }
    built
}

/// The same, with the warnings in the answer, whatever came of it.
pub fn quietly(prepared: &Prepared) -> (Result<Built, Error>, Vec<String>) {
    match ask(prepared.stores.as_deref()) {
        Ok(asked) => with(prepared, &asked),
        Err(error) => (Err(error), Vec::new()),
    }
}

/// The same from what the stores have answered already.
pub fn with(prepared: &Prepared, asked: &Asked) -> (Result<Built, Error>, Vec<String>) {
    let settings = &prepared.settings;
    match validated_with(settings, &prepared.schema, &prepared.inherited, asked) {
        Ok(validated) => {
            let mut warnings = validated.warnings.clone();
            let inherited = &prepared.inherited;
            let account = &prepared.account;
            let built = Environment::build(validated, inherited, &settings.environment, account);
            warnings.extend(built.warnings.iter().cloned());
            if let Some(stores) = &prepared.stores {
                stores.may_keep(asked);
            }
            (Ok(built), warnings)
        }
        Err(Error::Secrets(report)) => {
            let warnings = report.warnings.clone();
            (Err(Error::Secrets(report)), warnings)
        }
        Err(error) => (Err(error), Vec::new()),
    }
}

/// The environment of a start: nothing runs yet that would have to verify or be verified.
pub fn at_start(built: Built, settings: &Settings) -> Environment {
    let Built { environment, keys, .. } = built;
    let plan =
        keys.map(|keys| keyring::plan(None, &keys.verifiable(), &[], policy(settings, false)));
    match plan.and_then(|plan| plan.steps.into_iter().next_back()) {
        Some(keys) => environment.with_keys(keys),
        None => environment,
    }
}

pub fn policy(settings: &Settings, overlap: bool) -> Policy {
    let Keys { keep, grace, .. } = settings.keys;
    Policy { keep, grace, now: Moment::now(), overlap }
}

/// Nothing where all sources are local.
fn ask(stores: Option<&Stores>) -> Result<Asked, Error> {
    match stores {
        Some(stores) => Ok(stores.fetch()?),
        None => Ok(Asked::nothing()),
    }
}

/// The part of it that needs no account. The warnings of all its steps are in the answer.
pub fn validated(
    settings: &Settings,
    schema: &Schema,
    inherited: &BTreeMap<OsString, OsString>,
    stores: Option<&Stores>,
) -> Result<Validated, Error> {
    validated_with(settings, schema, inherited, &ask(stores)?)
}

fn validated_with(
    settings: &Settings,
    schema: &Schema,
    inherited: &BTreeMap<OsString, OsString>,
    asked: &Asked,
) -> Result<Validated, Error> {
    validated_of(fetched_with(settings, inherited, asked)?, settings, schema, inherited)
}

/// What the sources hold, and nobody has judged.
pub fn fetched(
    settings: &Settings,
    inherited: &BTreeMap<OsString, OsString>,
    stores: Option<&Stores>,
) -> Result<Fetched, Error> {
    fetched_with(settings, inherited, &ask(stores)?)
}

fn fetched_with(
    settings: &Settings,
    inherited: &BTreeMap<OsString, OsString>,
    asked: &Asked,
) -> Result<Fetched, Error> {
    let credentials = inherited.get(OsStr::new("CREDENTIALS_DIRECTORY"));
    let mut fetched = sources::fetch(
        &settings.sources,
        &settings.keys,
        inherited,
        credentials.map(Path::new),
        asked,
    )?;
    let kept = |name: &&str| !settings.environment.keep.contains(*name);
    fetched.taken.extend(asked.used().filter(kept).filter_map(|name| name.parse().ok()));
    Ok(fetched)
}

pub fn validated_of(
    mut fetched: Fetched,
    settings: &Settings,
    schema: &Schema,
    inherited: &BTreeMap<OsString, OsString>,
) -> Result<Validated, Error> {
    let mut warnings = std::mem::take(&mut fetched.warnings);
    match schema::validate(fetched, schema, &settings.keys, &settings.environment.allow) {
        Ok(mut validated) => {
            warnings.append(&mut validated.warnings);
            warnings.extend(unjudged(schema, inherited, &validated));
            validated.warnings = warnings;
            Ok(validated)
        }
        // A variable that is missing may be one that was dropped: both must be said.
        Err(mut report) => {
            warnings.append(&mut report.warnings);
            report.warnings = warnings;
            Err(report.into())
        }
    }
}

/// Inherited variables pass as they are. That is no news, but where the schema has a rule for one, it may
/// be thought to be judged.
fn unjudged(
    schema: &Schema,
    inherited: &BTreeMap<OsString, OsString>,
    validated: &Validated,
) -> Option<String> {
    let is_ours = |name: &Name| {
        let keys = validated.keys.as_ref();
        keys.is_some_and(|keys| *name == keys.current_name || *name == keys.fallbacks_name)
            || validated.variables.contains_key(name)
            || validated.taken.contains(name)
    };
    let names: Vec<&str> = schema
        .judges(inherited)
        .into_iter()
        .filter(|name| !is_ours(name))
        .map(Name::as_str)
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "inherited and not judged by the schema: {}; to have that, take it in with a source of type environment",
            names.join(", ")
        )
    })
}

/// Whether memory could be kept out of swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Locked(bool);

impl Locked {
    pub fn now() -> Locked {
        Locked(sys::lock_what_is_mapped().is_ok())
    }

    pub fn warning(self) -> Option<&'static str> {
        (!self.0).then_some(
            "cannot lock the secrets in memory, so they may reach the swap; raise the limit: LimitMEMLOCK=64M, or ulimit -l",
        )
    }
}
