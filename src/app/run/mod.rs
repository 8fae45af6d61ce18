//! The command `run`: what is done once, and then the site, which goes on until it ends.

mod asker;
mod cycle;
mod fetching;
mod gating;
mod handing;
mod known;
mod leasing;
mod private;
mod result;
mod round;
mod saying;
mod site;
mod standing;
mod status;
mod storing;
mod upkeep;

use std::rc::Rc;
use std::time::Instant;

use super::caching::use_cache;
use super::error::Error;
use super::fetch::{self, Locked};
use super::leases::Returned;
use super::prepare::Prepared;
use crate::config::{Overrides, Strategy};
use crate::control::Control;
use crate::environment;
use crate::instance::Instance;
use crate::launch::{Received, Sockets};
use crate::log;
use crate::server;
use crate::stores;
use crate::supervise::{Rules, Signals, Supervisor, Surroundings, Systemd, Terminal, Watch};

pub(super) use known::Known;
use private::Privates;
use saying::Saying;
use site::Site;

/// Fetches, validates, starts, supervises; the exit code is the server's.
pub fn run(overrides: Overrides) -> Result<u8, Error> {
    let inherited = environment::inherited();
    let received = Received::take(&inherited)?;
    // Before anything slow begins: an early TERM must not be lost, and must not kill.
    let signals = Signals::take().map_err(|error| kernel("cannot take signals", error))?;
    let signals = Rc::new(signals);
    let prepared = Prepared::from(overrides, inherited)?;
    prepared.require_command()?;
    prepared.account.require_kill()?;

    // Dropped after the site, when nothing runs any more.
    let _returned = Returned::at_the_end(prepared.stores.as_ref());

    let settings = &prepared.settings;
    let systemd = Systemd::from(&prepared.inherited);
    // Before anything of another instance of this name could be disturbed.
    let instance = Instance::begin(&settings.name, &prepared.inherited)?;
    let mut sockets = Sockets::new(received, &prepared.account);
    sockets.bind(&settings.listen)?;
    let way = server::way(prepared.kind(), &settings.command, sockets.len());
    instance.uses(&sockets.addresses(), None);
    let no_cache = use_cache(prepared.stores.as_deref(), settings, instance.lasting());
    no_cache.iter().for_each(log::warning);
    let privates = Privates::open(way, instance.runtime(), &prepared.account);
    let control = open_control(&instance);
    nix::sys::prctl::set_child_subreaper(true)
        .map_err(|error| kernel("cannot adopt orphans", error.into()))?;
    crate::privileges::shed().map_err(|error| kernel("cannot drop capabilities", error))?;
    ended_early(&signals)?;

    let (watch, warnings) = Watch::new(&settings.watch, &settings.sources, Instant::now());
    warnings.iter().for_each(log::warning);
    if let Some(stores) = &prepared.stores {
        stores.listen_to(Rc::clone(&signals) as Rc<dyn stores::Interrupt>);
    }
    let (wanted, warnings) = fetch::quietly(&prepared);
    let mut saying = Saying::default();
    saying.say(warnings);
    let wanted = wanted?;
    saying.say_locked(Locked::now());
    prepared.judge_command(&wanted.environment, !sockets.is_empty())?;
    ended_early(&signals)?;

    let terminal = Terminal::open();
    let around = Surroundings { signals: &signals, systemd: &systemd, terminal: terminal.as_ref() };
    let strategy = Strategy::or_default(settings.reload.strategy, !sockets.is_empty())?;
    let rules = Rules {
        strategy,
        drain: settings.reload.drain,
        // To settle is to live for a while: there is nothing to be late for.
        within: privates.is_asked().then_some(settings.ready.within),
    };
    let supervisor = Supervisor::new(around, rules, control, watch);
    let site = Site::new(&prepared, &sockets, privates, around, &instance, saying, supervisor);
    site.run(wanted)
}

/// Without it the site runs all the same: signals still reach keybearer.
fn open_control(instance: &Instance) -> Option<Control> {
    let opened = match instance.control() {
        Some(place) => {
            Control::open(place).map_err(|error| format!("'{}': {error}", place.display()))
        }
        None => Err("no directory where it would be found".to_owned()),
    };
    opened
        .inspect_err(|why| {
            log::warning(format_args!(
                "no control socket, so status, reload and rotate will not find this instance ({why}); make /run/keybearer writable, or give a RUNTIME_DIRECTORY or XDG_RUNTIME_DIR"
            ));
        })
        .ok()
}

fn ended_early(signals: &Signals) -> Result<(), Error> {
    match signals.asked_to_end() {
        Some(signal) => Err(Error::Interrupted(signal)),
        None => Ok(()),
    }
}

fn kernel(what: &'static str, error: std::io::Error) -> Error {
    Error::Kernel { what, error }
}
