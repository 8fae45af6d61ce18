use std::collections::BTreeMap;
use std::ffi::OsString;
use std::rc::Rc;

use super::error::Error as Refused;
use super::interrupt::Interrupt;
use super::settings;
use crate::app::error::Error;
use crate::app::leases::Returned;
use crate::app::{fetch, prepare};
use crate::config::{Hosts, KeyNames, Overrides, Settings, SourceKind};
use crate::documents::{Fields, Place};
use crate::log;
use crate::schema::{DjangoKeys, Schema, Validated};
use crate::secrets::{Name, Secret, generate};
use crate::stores::{self, Stores};

/// What is worked on: a document, and what is known of the site that reads it.
pub(super) struct Subject {
    pub inherited: BTreeMap<OsString, OsString>,
    pub settings: Settings,
    pub schema: Schema,
    /// None where all sources are local.
    pub stores: Option<Rc<Stores>>,
    pub place: Place,
    pub hosts: Hosts,
    pub current_name: Name,
    pub fallbacks_name: Name,
    _returned: Returned,
}

impl Subject {
    /// Everything that a site would be started with keeps the schema, and the keys can be written.
    pub fn settle(
        overrides: Overrides,
        inherited: BTreeMap<OsString, OsString>,
        interrupt: &Rc<Interrupt>,
    ) -> Result<Subject, Error> {
        let settings = settings::settle(overrides, &inherited, interrupt)?;
        settings.warnings.iter().for_each(log::warning);
        let stores = Stores::open(&settings, &inherited)?;
        if let Some(stores) = &stores {
            stores.listen_to(Rc::clone(interrupt) as Rc<dyn stores::Interrupt>);
        }
        let returned = Returned::at_the_end(stores.as_ref());
        refuse_unwritable(&settings)?;
        let schema = prepare::read_schema(&settings)?;
        let validated = fetch::validated(&settings, &schema, &inherited, stores.as_deref())?;
        let keys = keys(&validated)?;
        let fields = Fields {
            current: keys.current_name.clone(),
            fallbacks: keys.fallbacks_name.clone(),
            encoding: keys.encoding,
        };
        // An origin is an index of these very sources.
        let source = settings.sources.get(keys.origin).ok_or(Refused::NoKey)?;
        let place = Place::of(source, keys.origin, &fields, stores.as_ref())?;
        if let Some(other) = keys.fallbacks_origin.and_then(|other| settings.sources.get(other)) {
            return Err(Refused::Apart {
                current: keys.current_name.clone(),
                fallbacks: keys.fallbacks_name.clone(),
                place: place.to_string(),
                other: other.kind.to_string(),
            }
            .into());
        }
        let hosts = Hosts::or_default(settings.keys.hosts, &source.kind);
        let current_name = keys.current_name.clone();
        let fallbacks_name = keys.fallbacks_name.clone();
        Ok(Subject {
            inherited,
            settings,
            schema,
            stores,
            place,
            hosts,
            current_name,
            fallbacks_name,
            _returned: returned,
        })
    }

    /// Once more, from what the sources hold now.
    pub fn validated(&self) -> Result<Validated, Error> {
        fetch::validated(&self.settings, &self.schema, &self.inherited, self.stores.as_deref())
    }

    /// A key that the schema takes.
    pub fn new_key(&self) -> Result<Secret, Error> {
        let key = generate()?;
        let objection =
            self.schema.objection_to_key(&key, &self.current_name, &self.fallbacks_name);
        match objection {
            None => Ok(key),
            Some(objection) => {
                let schema = self.settings.schema.to_string();
                Err(Refused::NoNewKey { schema, objection }.into())
            }
        }
    }
}

/// Where no source can be written, the reason is that, and not what else is wrong with them here: an
/// operator's shell has no credentials of systemd's.
fn refuse_unwritable(settings: &Settings) -> Result<(), Error> {
    let may_be =
        |kind: &SourceKind| matches!(kind, SourceKind::EnvFile { .. } | SourceKind::Remote(_));
    if settings.sources.iter().any(|source| may_be(&source.kind)) {
        return Ok(());
    }
    let names = KeyNames::candidates(&settings.keys).into_iter().next();
    if let (Some(source), Some(names)) = (settings.sources.last(), names) {
        let KeyNames { current, fallbacks, .. } = names;
        let fields = Fields { current, fallbacks, encoding: settings.keys.encoding };
        // Which one it is says nothing here.
        Place::of(source, 0, &fields, None)?;
    }
    Ok(())
}

fn keys(validated: &Validated) -> Result<&DjangoKeys, Refused> {
    validated.keys.as_ref().ok_or(Refused::NoKey)
}
