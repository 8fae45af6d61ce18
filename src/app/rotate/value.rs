//! `rotate --value VAR`: a new value for a variable that is no key. Nothing verifies with an old one, so
//! there is one step: it is written, and everybody here takes it over in one hand-over.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::rc::Rc;
use std::time::Instant;

use super::adopters::{self, Adopted};
use super::audit;
use super::error::{Error as Refused, Failed, Mend, NotTaken};
use super::interrupt::Interrupt;
use super::settings;
use crate::app::error::Error;
use crate::app::leases::Returned;
use crate::app::output::{Unbuffered, print};
use crate::app::{fetch, prepare};
use crate::cli::RotateOptions;
use crate::config::{Hosts, KeyNames, Settings, SourceKind, SourceSpec};
use crate::control::{Outcome, RoundResult, State};
use crate::documents::{self, ValuePlace};
use crate::instance::{self, Running};
use crate::log;
use crate::schema::Schema;
use crate::secrets::{Name, Secret, generate_of};
use crate::sources::{Entry, Fetched};
use crate::stores::{self, Stores};

pub(super) fn rotate(
    name: &Name,
    options: RotateOptions,
    inherited: &BTreeMap<OsString, OsString>,
    interrupt: &Rc<Interrupt>,
) -> Result<(), Error> {
    let settings = settings::settle(options.overrides, inherited, interrupt)?;
    settings.warnings.iter().for_each(log::warning);
    let schema = prepare::read_schema(&settings)?;
    let length = length(name, &schema, &settings)?;
    let stores = Stores::open(&settings, inherited)?;
    if let Some(stores) = &stores {
        stores.listen_to(Rc::clone(interrupt) as Rc<dyn stores::Interrupt>);
    }
    let _returned = Returned::at_the_end(stores.as_ref());

    let mut fetched = fetch::fetched(&settings, inherited, stores.as_deref())?;
    let (origin, spec) = source(name, &fetched, &settings)?;
    let from = spec.kind.to_string();
    let place = ValuePlace::of(spec, origin, name, &settings.keys, stores.as_ref())
        .ok_or_else(|| Refused::NotWritable { name: name.clone(), from: from.clone() })?;
    let value = generate_of(length)?;
    // With the new value all of it must be what a site may be started with.
    let entry = Entry { value: value.duplicate(), source: Rc::from(&*from), origin: Some(origin) };
    fetched.entries.insert(name.clone(), entry);
    fetch::validated_of(fetched, &settings, &schema, inherited)?;

    if options.dry_run {
        say(&format!("would write a new {name} to {from}"));
        return Ok(());
    }
    if let Some(signal) = interrupt.by() {
        return Err(Error::Interrupted(signal));
    }
    let begun = Instant::now();
    write(&place, name, &value, &from)?;
    drop(value);
    say(&format!("wrote a new {name} to {from}"));
    let adopted = adopt(name, spec, inherited, interrupt);
    let outcome = match &adopted {
        Ok(()) => String::new(),
        Err(error) => format!(", ended with exit code {}", error.code()),
    };
    let (took, who) = (begun.elapsed().as_secs_f64(), audit::who(inherited));
    log::info(format_args!(
        "rotate: wrote a new {name} to {from}{outcome}, after {took:.2} s ({who})"
    ));
    adopted?;
    if Hosts::or_default(settings.keys.hosts, &spec.kind) == Hosts::Many {
        say("other hosts have the old one until they look again");
    }
    Ok(())
}

fn length(name: &Name, schema: &Schema, settings: &Settings) -> Result<usize, Refused> {
    let keys = KeyNames::candidates(&settings.keys);
    if keys.iter().any(|key| key.contains(name)) {
        return Err(Refused::IsKey { name: name.clone() });
    }
    let given = || settings.schema.to_string();
    schema
        .generated(name)
        .ok_or_else(|| Refused::NotGenerated { name: name.clone(), schema: given() })
}

/// The one that gives it now; else the one that gives the key; else the last that may be written.
fn source<'a>(
    name: &Name,
    fetched: &Fetched,
    settings: &'a Settings,
) -> Result<(usize, &'a SourceSpec), Refused> {
    let origin_of = |name: &Name| fetched.entries.get(name).and_then(|entry| entry.origin);
    let is_writable = |spec: &SourceSpec| {
        matches!(spec.kind, SourceKind::EnvFile { .. } | SourceKind::Remote(_))
            && spec.selection.lets_in(name)
    };
    let keys = KeyNames::candidates(&settings.keys);
    let beside_the_key = || {
        let mut origins = keys.iter().filter_map(|key| origin_of(&key.current));
        origins.find(|origin| settings.sources.get(*origin).is_some_and(is_writable))
    };
    let last = || settings.sources.iter().rposition(is_writable);
    let origin = origin_of(name).or_else(beside_the_key).or_else(last);
    origin
        .and_then(|origin| Some((origin, settings.sources.get(origin)?)))
        .ok_or_else(|| Refused::NowhereToWrite { name: name.clone() })
}

fn write(place: &ValuePlace<'_>, name: &Name, value: &Secret, from: &str) -> Result<(), Error> {
    place.write(value).map_err(|error| match error {
        documents::Error::Conflict { .. } => {
            Refused::Changed { place: from.to_owned(), written: "nothing was written" }.into()
        }
        documents::Error::Unanswered(error) => {
            Refused::Unanswered { name: name.clone(), error: error.to_string() }.into()
        }
        error => error.into(),
    })
}

/// Everybody here who reads that source.
fn adopt(
    name: &Name,
    spec: &SourceSpec,
    inherited: &BTreeMap<OsString, OsString>,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    let from = spec.kind.to_string();
    let standing = format!("{from} has a new {name}");
    let (mut taken, mut failed) = (Vec::new(), Vec::new());
    for running in instance::running(inherited) {
        let failure = match take_over(&running, &from, inherited, interrupt) {
            Ok(None) => continue,
            Ok(Some(Adopted::Ended)) => None,
            Ok(Some(Adopted::Took(round))) => {
                say(&progress(&running, name, &round));
                None
            }
            Ok(Some(Adopted::Failed(failed))) => Some(failed),
            Err(Error::Interrupted(signal)) => {
                return Err(Refused::Interrupted { signal, standing }.into());
            }
            Err(error) => {
                let (code, message) = (error.code(), error.to_string());
                Some(Failed { name: running.name.clone(), code, message })
            }
        };
        match failure {
            None => taken.push(format!("'{}'", running.name)),
            Some(failure) => failed.push(failure),
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => {
            Err(Refused::NotTaken(NotTaken { standing, taken, failed, mend: Mend::Reload }).into())
        }
    }
}

/// None: it is no business of this one.
fn take_over(
    running: &Running,
    from: &str,
    inherited: &BTreeMap<OsString, OsString>,
    interrupt: &Interrupt,
) -> Result<Option<Adopted>, Error> {
    let status = match adopters::status(running, interrupt) {
        Err(_) if adopters::is_gone(running, inherited) => return Ok(None),
        status => status?,
    };
    let reads = status.sources.iter().any(|source| source.source == from);
    if !reads || status.state == State::Stopping {
        return Ok(None);
    }
    adopters::adopt(running, inherited, interrupt).map(Some)
}

fn progress(running: &Running, name: &Name, round: &RoundResult) -> String {
    let RoundResult { generation, took, .. } = round;
    let (instance, took) = (&running.name, took.as_secs_f64());
    match round.outcome {
        Outcome::HandedOver => {
            format!("{instance}: generation {generation} has the new {name}, after {took:.2} s")
        }
        Outcome::Unchanged | Outcome::Failed { .. } => {
            format!("{instance}: nothing changed for it; generation {generation} serves on")
        }
    }
}

/// Where nobody reads it, it is done all the same.
fn say(line: &str) {
    let _ = print(&mut Unbuffered, format!("{line}\n").as_bytes());
}
