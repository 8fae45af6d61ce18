use std::collections::BTreeMap;
use std::ffi::OsString;

use nix::unistd::geteuid;

use super::adopters;
use super::error::Error as Refused;
use super::interrupt::Interrupt;
use crate::app::error::Error;
use crate::app::instances;
use crate::config::{self, Overrides, SchemaChoice, Settings, SourceOption};
use crate::control::Status;

/// By options, variables and config, as for `run`. Where these name no source, an instance that runs
/// has one, and says which.
pub(super) fn settle(
    overrides: Overrides,
    inherited: &BTreeMap<OsString, OsString>,
    interrupt: &Interrupt,
) -> Result<Settings, Error> {
    let (variables, _) = config::variables(inherited)?;
    let is_named = overrides.config.is_some() || variables.config.is_some();
    match config::resolve(overrides.clone(), inherited) {
        Err(config::Error::NoSource { .. }) if !is_named => {
            of_instance(overrides, inherited, interrupt)
        }
        settled => Ok(settled?),
    }
}

fn of_instance(
    overrides: Overrides,
    inherited: &BTreeMap<OsString, OsString>,
    interrupt: &Interrupt,
) -> Result<Settings, Error> {
    let instance = match instances::chosen(overrides.name.clone(), inherited) {
        Err(Error::NoInstance) => return Err(Refused::NothingNamed.into()),
        chosen => chosen?,
    };
    // Its word decides what is read and written, with the rights of who runs this.
    if !instance.owner.is_root() && instance.owner != geteuid() {
        let (name, owner) = (instance.name, instance.owner);
        return Err(Refused::NotOurs { name, owner }.into());
    }
    let status = adopters::status(&instance, interrupt)?;
    let schema = match &status.schema {
        Some(path) => SchemaChoice::File(path.into()),
        None => SchemaChoice::Django,
    };
    let as_it_runs = Overrides {
        config: status.config.as_ref().map(Into::into),
        name: Some(status.name.clone()),
        schema: Some(overrides.schema.clone().unwrap_or(schema)),
        ..overrides
    };
    match config::resolve(as_it_runs.clone(), inherited) {
        Ok(settings) if reads_the_same(&settings, &status) => return Ok(settings),
        Ok(_) | Err(config::Error::NoSource { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    // What it was given by options and variables, they are env files all.
    let files = status.sources.iter().map(|source| {
        let path = source.env_file.as_ref()?;
        Some(SourceOption::EnvFile(path.into()))
    });
    let untold = || Refused::Untold { name: status.name.clone() };
    let sources: Vec<SourceOption> = files.collect::<Option<_>>().ok_or_else(untold)?;
    if sources.is_empty() {
        return Err(untold().into());
    }
    Ok(config::resolve(Overrides { sources, ..as_it_runs }, inherited)?)
}

fn reads_the_same(settings: &Settings, status: &Status) -> bool {
    let own = settings.sources.iter().map(|source| source.kind.to_string());
    own.eq(status.sources.iter().map(|source| source.source.clone()))
}
