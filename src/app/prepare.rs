use std::collections::BTreeMap;
use std::ffi::OsString;
use std::rc::Rc;

use super::error::Error;
use crate::account::Account;
use crate::config::{self, Overrides, SchemaChoice, ServerKind, Settings};
use crate::environment::Environment;
use crate::files::{self, Rule};
use crate::launch::Task;
use crate::log;
use crate::schema::Schema;
use crate::server::{self, Objection};
use crate::stores::Stores;

/// What is known before a secret is touched.
pub struct Prepared {
    pub inherited: BTreeMap<OsString, OsString>,
    pub settings: Settings,
    pub schema: Schema,
    pub account: Account,
    /// None where all sources are local.
    pub stores: Option<Rc<Stores>>,
}

impl Prepared {
    pub fn from(
        overrides: Overrides,
        inherited: BTreeMap<OsString, OsString>,
    ) -> Result<Prepared, Error> {
        log::start(config::log_settings(&overrides, &inherited));
        let settings = config::resolve(overrides, &inherited)?;
        for warning in &settings.warnings {
            log::warning(warning);
        }
        let account = Account::resolve(settings.account.as_ref())?;
        let schema = read_schema(&settings)?;
        let stores = Stores::open(&settings, &inherited)?;
        if let Some(stores) = &stores {
            stores.warnings(&account).iter().for_each(log::warning);
        }
        Ok(Prepared { inherited, settings, schema, account, stores })
    }

    pub fn task(&self) -> Task<'_> {
        task(&self.settings, &self.account)
    }

    pub fn kind(&self) -> ServerKind {
        kind(&self.settings)
    }

    pub fn require_command(&self) -> Result<(), Error> {
        match self.settings.command.is_empty() {
            true => Err(crate::launch::LaunchError::NoCommand.into()),
            false => Ok(()),
        }
    }

    /// Refuses what cannot work, and says what has no effect.
    pub fn judge_command(&self, environment: &Environment, sockets: bool) -> Result<(), Error> {
        for objection in command_objections(&self.settings, environment, sockets) {
            match objection {
                Objection::Refuse(reason) => return Err(Error::Command(reason)),
                Objection::Warn(reason) => log::warning(reason),
            }
        }
        Ok(())
    }
}

pub fn read_schema(settings: &Settings) -> Result<Schema, Error> {
    match &settings.schema {
        SchemaChoice::Django => Ok(Schema::django()),
        SchemaChoice::File(path) => {
            let contents = files::read(path, Rule::Schema)?;
            for warning in &contents.warnings {
                log::warning(warning);
            }
            let text =
                std::str::from_utf8(&contents.bytes).map_err(|_| Error::NotText(path.clone()))?;
            Ok(Schema::parse(text, path)?)
        }
    }
}

pub fn task<'a>(settings: &'a Settings, account: &'a Account) -> Task<'a> {
    Task { account, directory: settings.directory.as_deref(), umask: settings.umask }
}

pub fn kind(settings: &Settings) -> ServerKind {
    settings.server.unwrap_or_else(|| ServerKind::of(&settings.command))
}

pub fn command_objections(
    settings: &Settings,
    environment: &Environment,
    sockets: bool,
) -> Vec<Objection> {
    let extra = environment.get("GUNICORN_CMD_ARGS");
    server::objections(kind(settings), &settings.command, extra, sockets)
}
