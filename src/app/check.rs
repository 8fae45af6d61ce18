use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::AsFd;

use super::caching::use_cache;
use super::error::Error;
use super::fallbacks;
use super::fetch::{self, Locked};
use super::gates;
use super::leases::Returned;
use super::output::{Unbuffered, print};
use super::prepare::{self, Prepared};
use super::report::{Area, Report};
use super::run::Known;
use crate::account::Account;
use crate::config::{self, Listen, OnHup, Overrides, Settings};
use crate::environment::{self, Environment};
use crate::instance::{self, Instance};
use crate::launch::{self, Plan, Received, SocketError, Sockets};
use crate::log;
use crate::schema::{self, Schema, Validated};
use crate::server::Objection;
use crate::stores::Stores;
use crate::supervise::Signals;

/// Everything that `run` does short of starting, and what Django's guides ask for beyond.
pub fn check(overrides: Overrides, json: bool, full: bool) -> Result<u8, Error> {
    let report = examine(overrides, full)?;
    let text = if json { report.json() } else { report.text() };
    print(&mut Unbuffered, text.as_bytes())?;
    Ok(report.code())
}

/// Goes on as far as it can, so that one run shows all that is wrong.
fn examine(overrides: Overrides, full: bool) -> Result<Report, Error> {
    let mut report = Report::default();
    let inherited = environment::inherited();
    log::start(config::log_settings(&overrides, &inherited));
    let settings = config::resolve(overrides, &inherited).map_err(Error::from);
    let Some(settings) = report.take(Area::Config, settings) else { return Ok(report) };
    report.name = Some(settings.name.clone());
    report.ok(Area::Config, config_shown(&settings));
    report.warn(Area::Config, &settings.warnings);

    let account = Account::resolve(settings.account.as_ref()).map_err(Error::from);
    let account = report.take(Area::Account, account);
    // With the rights that `run` has when it reads it.
    let schema = report.take(Area::Schema, prepare::read_schema(&settings));
    if let Some(account) = &account {
        report.ok(Area::Account, format!("the site runs as user {account}"));
        report.take(Area::Account, account.require_kill().map_err(Error::from));
        examine_sockets(&mut report, &settings, account, &inherited);
    }
    let stores = Stores::open(&settings, &inherited).map_err(Error::from);
    let stores = report.take(Area::Secrets, stores);
    let directory = instance::lasting(&settings.name, &inherited);
    let asked = stores.as_ref().and_then(Option::as_deref);
    if let (Some(stores), Some(account)) = (asked, &account) {
        report.warn(Area::Secrets, &stores.warnings(account));
    }
    if let Some(warning) = use_cache(asked, &settings, directory.as_deref()) {
        report.warn(Area::Secrets, &[warning.to_owned()]);
    }
    let _returned = Returned::at_the_end(stores.as_ref().and_then(Option::as_ref));
    crate::privileges::shed()
        .map_err(|error| Error::Kernel { what: "cannot drop capabilities", error })?;

    let validated = schema.as_ref().zip(stores.as_ref()).and_then(|(schema, stores)| {
        examine_secrets(&mut report, &settings, schema, &inherited, stores.as_deref())
    });
    let Some(account) = account else { return Ok(report) };
    let (Some(schema), Some(validated)) = (schema, validated) else {
        let environment = Environment::without_secrets(&inherited, &settings.environment, &account);
        examine_command(&mut report, &settings, &account, &environment);
        return Ok(report);
    };
    let built = Environment::build(validated, &inherited, &settings.environment, &account);
    report.warn(Area::Secrets, &built.warnings);
    if settings.keys.on_hup == OnHup::Generate {
        let stores = stores.as_ref().and_then(Option::as_ref);
        let known = built.keys.as_ref().map(|keys| Known::of(keys, &settings, stores));
        let known = known.as_ref().ok_or(Error::NoKey);
        report.take(Area::Secrets, known.and_then(|known| known.file().map(drop)));
    }
    let environment = fetch::at_start(built, &settings);
    if let Some(key) = environment.key_in_use() {
        report.ok(Area::Secrets, key.to_string());
        report.key = Some(key);
    }
    examine_command(&mut report, &settings, &account, &environment);
    if full && !report.has_errors() {
        let stores = stores.flatten();
        let prepared = Prepared { inherited, settings, schema, account, stores };
        // Only from here on is there a process that must be told.
        let signals = Signals::take()
            .map_err(|error| Error::Kernel { what: "cannot take signals", error })?;
        pass_gates(&mut report, &prepared, &environment, &signals);
    }
    Ok(report)
}

fn config_shown(settings: &Settings) -> String {
    match &settings.config_file {
        Some(path) => format!("read '{}'", path.display()),
        None => "no config file, options and variables only".to_owned(),
    }
}

/// Binds and lets go again. An address that is in use is no fault where the running instance of this name
/// uses it.
fn examine_sockets(
    report: &mut Report,
    settings: &Settings,
    account: &Account,
    inherited: &BTreeMap<OsString, OsString>,
) {
    for address in &settings.listen.sockets {
        let alone = Listen { sockets: vec![address.clone()], mode: settings.listen.mode };
        let mut sockets = Sockets::new(Received::default(), account);
        let holder = Instance::listening(&address.to_string(), &settings.name, inherited);
        match (sockets.bind(&alone), holder) {
            (Ok(()), _) => report.ok(Area::Sockets, format!("can listen on {address}")),
            (Err(SocketError::InUse { address }), Some(pid)) => report.ok(
                Area::Sockets,
                format!("{address} is in use by the running '{}' (pid {pid})", settings.name),
            ),
            (Err(error), _) => report.error(Area::Sockets, &error.into()),
        }
    }
}

fn examine_secrets(
    report: &mut Report,
    settings: &Settings,
    schema: &Schema,
    inherited: &BTreeMap<OsString, OsString>,
    stores: Option<&Stores>,
) -> Option<Validated> {
    let fetched = fetch::validated(settings, schema, inherited, stores);
    if let Err(Error::Secrets(broken)) = &fetched {
        report.warn(Area::Secrets, &broken.warnings);
    }
    let validated = report.take(Area::Secrets, fetched)?;
    let keys = validated
        .keys
        .as_ref()
        .map_or(0, |keys| 1 + usize::from(!keys.document.fallbacks.is_empty()));
    let count = validated.variables.len() + keys;
    let plural = if count == 1 { "variable keeps" } else { "variables keep" };
    let sources: Vec<String> = settings.sources.iter().map(|s| s.kind.to_string()).collect();
    report.ok(
        Area::Secrets,
        format!("read {}: {count} {plural} {}", sources.join(", "), settings.schema),
    );
    report.warn(Area::Secrets, &validated.warnings);
    if let Some(warning) = Locked::now().warning() {
        report.warn(Area::Secrets, &[warning.to_owned()]);
    }
    let findings: Vec<String> =
        schema::audit(&validated, settings.keys.keep).into_iter().map(|f| f.message).collect();
    report.warn(Area::Audit, &findings);
    Some(validated)
}

/// In the order in which `run` would start them: the gates, then the server.
fn examine_command(
    report: &mut Report,
    settings: &Settings,
    account: &Account,
    environment: &Environment,
) {
    let sockets = !settings.listen.sockets.is_empty();
    for objection in prepare::command_objections(settings, environment, sockets) {
        match objection {
            Objection::Refuse(reason) => report.error(Area::Command, &Error::Command(reason)),
            Objection::Warn(reason) => report.warn(Area::Command, &[reason]),
        }
    }
    if settings.command.is_empty() {
        let message = "no command given, so none was looked for; run needs one: after '--', or as command = [\"...\"] in the config";
        report.warn(Area::Command, &[message.to_owned()]);
    }
    let gates = gates::gates(settings).into_iter().map(|gate| gate.command);
    let server = Some(settings.command.clone()).filter(|command| !command.is_empty());
    for command in gates.chain(server) {
        let found = Plan::new(&command, environment, prepare::task(settings, account))
            .and_then(|plan| launch::rehearse(&plan).map(|()| plan.program()));
        if let Some(program) = report.take(Area::Command, found.map_err(Error::from)) {
            report.ok(Area::Command, format!("user {account} can execute '{program}'"));
        }
    }
}

fn pass_gates(
    report: &mut Report,
    prepared: &Prepared,
    environment: &Environment,
    signals: &Signals,
) {
    // Standard output is the report's.
    let stderr = std::io::stderr();
    let passed = gates::pass(prepared, environment, signals, Some(stderr.as_fd()));
    if report.take(Area::Gates, passed).is_none() {
        return;
    }
    for gate in gates::gates(&prepared.settings) {
        report.ok(Area::Gates, format!("{} succeeded", gate.what));
    }
    if let Some(name) = environment.fallbacks_name() {
        let read = fallbacks::are_read(&prepared.settings, &prepared.account, environment, signals);
        match report.take(Area::Gates, read).flatten() {
            Some(true) => report.ok(Area::Gates, format!("the settings read {name}")),
            Some(false) => {
                report.warn(Area::Gates, &[fallbacks::not_read(&prepared.settings, name)]);
            }
            None => {}
        }
    }
}
