use std::os::fd::AsFd;
use std::time::Duration;

use super::site::Site;
use crate::app::error::Error;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::keyring::Keys;
use crate::launch::{self, Plan, Sockets, Wiring};
use crate::log;
use crate::supervise::{Generation, Started, Which, Why};

/// From an environment to a generation that serves, or fails to.
impl Site<'_> {
    pub(super) fn start(&mut self, generation: Generation, which: Which) -> Result<(), Error> {
        let environment = match which {
            Which::Next => self.round.steps.pop_front(),
            Which::Before => self.before(),
        };
        let Some(environment) = environment else {
            self.supervisor.not_started(generation);
            return Ok(());
        };
        self.round.hand_overs += 1;
        self.leases_coming = match which {
            Which::Next => self.prepared.stores.as_ref().map(|stores| stores.leases()),
            Which::Before => None,
        };
        match self.spawn(generation, &environment) {
            Ok(started) => {
                self.supervisor.started(generation, started);
                self.coming = Some(environment);
            }
            // Nothing runs that would have to go on.
            Err(error) if generation == Generation::FIRST => return Err(error),
            Err(error) => {
                self.round.fails(error.to_string(), error.code());
                self.supervisor.not_started(generation);
            }
        }
        Ok(())
    }

    /// What ran, and the key of the one that did not live among its fallbacks: that one may have answered
    /// somebody.
    fn before(&mut self) -> Option<Environment> {
        let before = self.running.take()?;
        let Some(mut keys) = before.keys().map(Keys::duplicate) else { return Some(before) };
        if let Some(key) = self.round.failed_key.take().filter(|key| !keys.verifies(key)) {
            keys.fallbacks.insert(0, key);
            keys.fallbacks.truncate(self.prepared.settings.keys.keep);
        }
        Some(before.with_keys(keys))
    }

    fn spawn(
        &mut self,
        generation: Generation,
        environment: &Environment,
    ) -> Result<Started, Error> {
        let settings = &self.prepared.settings;
        let private = self.privates.next(generation).map_err(Error::Private)?;
        let mut plan = Plan::new(&settings.command, environment, self.prepared.task())?;
        if let Some(address) = private.notify_address() {
            plan.set("NOTIFY_SOCKET", &address);
        }
        let mut handed = self.sockets.handed();
        handed.extend(private.handed());
        // One that starts beside another gets the foreground when it takes over.
        let alone = self.supervisor.serving().is_none();
        let terminal = self.around.terminal.filter(|_| alone).map(AsFd::as_fd);
        let process =
            launch::spawn(&plan, Wiring { sockets: &handed, terminal, ..Wiring::default() })?;
        drop(handed);
        log::debug(format_args!("started '{}' as pid {process}: {generation}", plan.program()));
        let (readiness, liveness) = private.readiness(&settings.ready, environment);
        Ok(Started { process, readiness, liveness, status: serving(self.sockets, environment) })
    }

    pub(super) fn serves(&mut self, generation: Generation) {
        self.running = self.coming.take();
        if let Some(leases) = self.leases_coming.take() {
            self.leases = leases;
        }
        self.standing.serves(generation);
        if generation != Generation::FIRST && !self.overlap() {
            self.standing.restarts += 1;
        }
        if generation == Generation::FIRST {
            self.keep_cache();
            log::info(self.supervisor.status());
        }
    }

    pub(super) fn fails(&mut self, generation: Generation, why: Why, last: Option<String>) {
        let failed = self.coming.take();
        let key = failed.as_ref().and_then(Environment::keys).map(|keys| keys.current.duplicate());
        self.round.failed_key = key;
        let within = self.rules.within.unwrap_or(Duration::ZERO);
        let message = match why {
            // Said already, in the words of whoever could not start it.
            Why::NotStarted => None,
            Why::NotReady => {
                let last = last.map(|last| format!(" (last: {last})")).unwrap_or_default();
                Some(format!("{generation} was not ready within {within:?}{last}"))
            }
            Why::Ended(ending) => Some(format!("{generation} ended before it was ready: {ending}")),
        };
        if let Some(message) = message {
            self.round.fails(message, Exit::Failure.code());
        }
    }
}

fn serving(sockets: &Sockets, environment: &Environment) -> String {
    let key = environment.key_in_use().map(|key| format!(", {key}")).unwrap_or_default();
    match sockets.is_empty() {
        true => format!("serving{key}"),
        false => format!("serving on {}{key}", sockets.shown()),
    }
}
