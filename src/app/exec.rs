use std::convert::Infallible;

use super::caching::use_cache;
use super::error::Error;
use super::fetch;
use super::prepare::Prepared;
use crate::config::Overrides;
use crate::environment;
use crate::instance;
use crate::launch::{self, Plan, Received, Sockets};
use crate::log;

/// Fetches, validates, drops privileges, becomes the command. It binds nothing: the site may be
/// running beside it under the same config. Sockets that systemd handed over go on.
pub fn exec(overrides: Overrides) -> Result<u8, Error> {
    let never: Infallible = become_command(overrides)?;
    match never {}
}

fn become_command(overrides: Overrides) -> Result<Infallible, Error> {
    let inherited = environment::inherited();
    let received = Received::take(&inherited)?;
    let prepared = Prepared::from(overrides, inherited)?;
    prepared.require_command()?;
    let directory = instance::lasting(&prepared.settings.name, &prepared.inherited);
    let no_cache = use_cache(prepared.stores.as_deref(), &prepared.settings, directory.as_deref());
    no_cache.iter().for_each(log::warning);
    let sockets = Sockets::new(received, &prepared.account);
    crate::privileges::shed()
        .map_err(|error| Error::Kernel { what: "cannot drop capabilities", error })?;
    // Not locked in memory: nothing stays behind that could be swapped out.
    let environment = fetch::at_start(fetch::wanted(&prepared)?, &prepared.settings);
    if prepared.stores.as_ref().is_some_and(|stores| !stores.leases().is_empty()) {
        log::warning(
            "the credentials of a lease end with it: exec renews none, and does not revoke it; use run",
        );
    }
    let plan = Plan::new(&prepared.settings.command, &environment, prepared.task())?;
    drop(environment);
    Err(launch::become_command(&plan, &sockets.handed()).into())
}
