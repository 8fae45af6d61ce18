use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::Duration;

use super::asker::Asker;
use super::cycle::{self, Cycle, Stage};
use super::kernel;
use super::known::Known;
use super::private::Privates;
use super::round::{Failure, Round};
use super::saying::Saying;
use super::standing::Standing;
use crate::app::error::Error;
use crate::app::fetch::{self, Locked};
use crate::app::gates::{self, Gate};
use crate::app::prepare::Prepared;
use crate::config::{OnHup, Strategy};
use crate::control::{Answer, Peer, Request, Ticket};
use crate::environment::{Built, Environment};
use crate::exit::Exit;
use crate::keyring::{self, Carried};
use crate::launch::{self, Plan, Sockets, Wiring};
use crate::log;
use crate::moment::Moment;
use crate::supervise::{
    Cause, Generation, Outcome, RoundEnd, Rules, Started, Step, Supervisor, Surroundings, TaskEnd,
    Which, Why,
};
use crate::sys::Ending;

/// A site and its generations: what the supervisor needs a secret or a setting for is done here.
pub(super) struct Site<'a> {
    pub(super) prepared: &'a Prepared,
    pub(super) sockets: &'a Sockets,
    privates: Privates<'a>,
    around: Surroundings<'a>,
    pub(super) rules: Rules,
    pub(super) supervisor: Supervisor<'a>,
    /// What the serving generation was started with.
    pub(super) running: Option<Environment>,
    /// What the one that is waited for was started with.
    coming: Option<Environment>,
    pub(super) carried: Vec<Carried>,
    pub(super) round: Round,
    /// Who waits for the next round.
    pub(super) waiting: Vec<Asker>,
    /// The next round is part of a rotation.
    going_on: Option<Cycle>,
    /// Why nothing was started.
    refusal: Option<Error>,
    /// Of the key's document, as it was fetched last.
    pub(super) document: Option<Known>,
    pub(super) standing: Standing,
    saying: Saying,
}

impl<'a> Site<'a> {
    pub fn new(
        prepared: &'a Prepared,
        sockets: &'a Sockets,
        privates: Privates<'a>,
        around: Surroundings<'a>,
        rules: Rules,
        saying: Saying,
        supervisor: Supervisor<'a>,
    ) -> Site<'a> {
        Site {
            prepared,
            sockets,
            privates,
            around,
            rules,
            supervisor,
            running: None,
            coming: None,
            carried: Vec::new(),
            round: Round::begin(Vec::new(), None),
            waiting: Vec::new(),
            going_on: None,
            refusal: None,
            document: None,
            standing: Standing::new(),
            saying,
        }
    }

    /// From the first generation to the end of the last; the exit code is the server's.
    pub fn run(mut self, wanted: Built) -> Result<u8, Error> {
        let settings = &self.prepared.settings;
        self.document = wanted.keys.as_ref().map(|keys| Known::of(keys, settings));
        if settings.keys.on_hup == OnHup::Generate {
            // Now, and not when somebody relies on it.
            self.document.as_ref().ok_or(Error::NoKey)?.must_be_writable()?;
        }
        let first = fetch::at_start(wanted, &self.prepared.settings);
        self.round.steps.push_back(first);
        self.round.gates = gates::gates(&self.prepared.settings).into();
        loop {
            let step = self
                .supervisor
                .wait_for_step()
                .map_err(|error| kernel("cannot wait for events", error))?;
            match step {
                Step::Hup(arrival) => self.ask(Asker::Signal(arrival)),
                Step::Request(ticket, request, peer) => self.request(ticket, request, peer),
                Step::Watch => self.ask(Asker::Watch),
                Step::Fetch => self.fetch(),
                Step::RunGates => self.run_gate(),
                Step::GateEnded(end) => self.gate_ended(end),
                Step::Start(generation, which) => self.start(generation, which)?,
                Step::Serves(generation) => self.serves(generation),
                Step::Fails(generation, why, last) => self.fails(generation, why, last),
                Step::RoundEnds(end) => self.round_ends(end),
                Step::Ended(outcome) => return self.end(outcome),
            }
        }
    }

    fn request(&mut self, ticket: Ticket, request: Request, peer: Peer) {
        match request {
            Request::Status => {
                let status = self.status();
                self.supervisor.answer(ticket, &Answer::Status(Box::new(status)));
            }
            Request::Reload | Request::Adopt if self.supervisor.is_stopping() => {
                self.supervisor.answer(ticket, &stopping());
            }
            Request::Reload | Request::Adopt => self.ask(Asker::Peer { ticket, request, peer }),
        }
    }

    fn ask(&mut self, asker: Asker) {
        // A thousand of one kind are one: nobody waits for an answer to a signal.
        if asker.ticket().is_some() || !self.waiting.contains(&asker) {
            self.waiting.push(asker);
        }
        self.supervisor.ask();
    }

    /// Looks again, and says how far what runs is from what is wanted.
    fn fetch(&mut self) {
        let askers = std::mem::take(&mut self.waiting);
        let key = self.running.as_ref().and_then(Environment::key_in_use);
        self.round = match self.going_on.take() {
            Some(cycle) => Round::resume(askers, cycle),
            None => Round::begin(askers, key),
        };
        let asked = self.round.askers.iter().any(Asker::is_somebody);
        if asked {
            self.around.systemd.reloading("looking at the secrets again");
        }
        self.around.systemd.extend();
        let steps = self.wanted().and_then(|wanted| self.plan(wanted));
        match steps {
            Ok(steps) => {
                if steps > 0 && !asked {
                    self.around.systemd.reloading("handing over");
                }
                self.supervisor.fetched(steps);
            }
            Err(error) => self.refuse(&error),
        }
    }

    /// What the sources hold, with a new key staged where a HUP shall make one.
    fn wanted(&mut self) -> Result<Built, Error> {
        let wanted = self.look()?;
        if !self.makes_a_key() {
            return Ok(wanted);
        }
        drop(wanted);
        let Some(known) = &mut self.document else { return Err(Error::NoKey) };
        known.stage()?;
        let (begun, key_before) = (self.round.begun, self.round.key_before);
        self.round.cycle = Some(Cycle { stage: Stage::Staged, begun, key_before });
        self.look()
    }

    /// Where the document has another key than the one in use, that one is taken over first: a rotation
    /// may have been cut there.
    fn makes_a_key(&self) -> bool {
        let wanted = self.prepared.settings.keys.on_hup == OnHup::Generate
            && self.round.cycle.is_none()
            && self.round.askers.iter().any(cycle::wants_a_key);
        let in_use = self.running.as_ref().and_then(Environment::key_in_use);
        let in_document = self.document.as_ref().map(|known| known.current);
        wanted && in_use.map(|key| key.fingerprint) == in_document
    }

    fn look(&mut self) -> Result<Built, Error> {
        let (wanted, warnings) = fetch::quietly(self.prepared);
        self.saying.say(warnings);
        match &wanted {
            Ok(wanted) => {
                self.standing.was_fetched();
                let settings = &self.prepared.settings;
                self.document = wanted.keys.as_ref().map(|keys| Known::of(keys, settings));
            }
            Err(error) => self.standing.was_not_fetched(&error.to_string()),
        }
        wanted
    }

    fn plan(&mut self, wanted: Built) -> Result<usize, Error> {
        self.saying.say_locked(Locked::now());
        self.prepared.judge_command(&wanted.environment, !self.sockets.is_empty())?;

        let Built { environment, keys, .. } = wanted;
        let policy = fetch::policy(&self.prepared.settings, self.overlap());
        let running = self.running.as_ref().and_then(Environment::keys);
        let plan = keys.map(|keys| keyring::plan(running, &keys.document, &self.carried, policy));
        let (steps, carried) = match plan {
            None => (VecDeque::from([environment]), Vec::new()),
            Some(plan) if plan.steps.is_empty() => {
                let same = running.map(|keys| environment.with_keys(keys.duplicate()));
                (VecDeque::from([same.unwrap_or(environment)]), plan.carried)
            }
            Some(plan) => {
                let steps = plan.steps.into_iter().map(|keys| environment.with_keys(keys));
                (steps.collect(), plan.carried)
            }
        };
        for step in &steps {
            // Before anything is stopped for it.
            let plan = Plan::new(&self.prepared.settings.command, step, self.prepared.task())?;
            if !self.overlap() {
                launch::rehearse(&plan)?;
            }
        }
        let last = steps.back();
        self.round.changes = match (&self.running, last) {
            (Some(running), Some(last)) => running.differences(last),
            (_, _) => Vec::new(),
        };
        self.round.carried = carried;
        if self.round.changes.is_empty() {
            return Ok(0);
        }
        self.round.gates = gates::gates(&self.prepared.settings).into();
        self.round.steps = steps;
        Ok(self.round.steps.len())
    }

    fn overlap(&self) -> bool {
        self.rules.strategy == Strategy::HandOver
    }

    fn refuse(&mut self, error: &Error) {
        self.round.failure = Some(Failure { message: error.to_string(), code: error.code() });
        self.supervisor.refused();
    }

    /// The next command that must succeed in the environment that is wanted in the end.
    fn run_gate(&mut self) {
        if self.supervisor.is_stopping() {
            return self.supervisor.refused();
        }
        let (Some(gate), Some(environment)) = (self.round.gates.front(), self.round.last()) else {
            return self.supervisor.gates_passed();
        };
        log::info(format_args!("running {}", gate.what));
        match gates::start(self.prepared, environment, gate, None) {
            Ok(process) => self.supervisor.run_gate(process, &gate.what),
            Err(error) => self.gate_failed(error),
        }
    }

    fn gate_ended(&mut self, end: TaskEnd) {
        let gate: Option<Gate> = self.round.gates.pop_front();
        match gate.map(|gate| gates::verdict(&gate, end)) {
            None | Some(Ok(())) => self.run_gate(),
            Some(Err(error)) => self.gate_failed(error),
        }
    }

    fn gate_failed(&mut self, error: Error) {
        self.refuse(&error);
        self.refusal = Some(error);
    }

    fn start(&mut self, generation: Generation, which: Which) -> Result<(), Error> {
        let environment = match which {
            Which::Next => self.round.steps.pop_front(),
            Which::Before => self.running.take(),
        };
        let Some(environment) = environment else {
            self.supervisor.not_started(generation);
            return Ok(());
        };
        self.round.hand_overs += 1;
        match self.spawn(generation, &environment) {
            Ok(started) => {
                self.supervisor.started(generation, started);
                self.coming = Some(environment);
            }
            // Nothing runs that would have to go on.
            Err(error) if generation == Generation::FIRST => return Err(error),
            Err(error) => {
                self.round.failure =
                    Some(Failure { message: error.to_string(), code: error.code() });
                self.supervisor.not_started(generation);
            }
        }
        Ok(())
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

    fn serves(&mut self, generation: Generation) {
        self.running = self.coming.take();
        self.standing.since = Some(Moment::now());
        if generation != Generation::FIRST && !self.overlap() {
            self.standing.restarts += 1;
        }
        if generation == Generation::FIRST {
            log::info(self.supervisor.status());
        }
    }

    fn fails(&mut self, generation: Generation, why: Why, last: Option<String>) {
        let environment = self.coming.take();
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
            self.round.failure = Some(Failure { message, code: Exit::Failure.code() });
        }
        drop(environment);
    }

    fn round_ends(&mut self, end: RoundEnd) {
        let is_first = self.round.askers.is_empty();
        let done = matches!(end, RoundEnd::HandedOver | RoundEnd::Unchanged);
        if done {
            self.carried = std::mem::take(&mut self.round.carried);
            self.store_carried();
        }
        // Nothing of what did not come to run is kept.
        self.round.steps.clear();
        let goes_on = done && self.goes_on();
        if !is_first {
            let end = if self.round.failure.is_some() { RoundEnd::Failed } else { end };
            let result = self.result(end);
            self.say(&result);
            if !goes_on {
                self.count(&result);
                for ticket in self.round.askers.iter().filter_map(Asker::ticket) {
                    self.supervisor.answer(ticket, &Answer::Round(result.clone()));
                }
            }
        }
        if goes_on {
            // Who asked is answered when all of it is done.
            self.waiting.splice(0..0, std::mem::take(&mut self.round.askers));
            self.supervisor.ask();
        } else if self.supervisor.is_stopping() {
            for ticket in self.waiting.drain(..).filter_map(|asker| asker.ticket()) {
                self.supervisor.answer(ticket, &stopping());
            }
        } else {
            self.around.systemd.ready(self.supervisor.status());
        }
    }

    /// The rest of a rotation that the supervisor does by itself. False where there is none, or where it
    /// came to nothing.
    fn goes_on(&mut self) -> bool {
        let (Some(cycle), Some(known)) = (self.round.cycle, &mut self.document) else {
            return false;
        };
        let keys = &self.prepared.settings.keys;
        let written = match cycle.stage {
            Stage::Staged => known.promote(keys.keep, keys.grace),
            Stage::Promoted => known.retire(keys.keep),
        };
        match (written, cycle.stage) {
            (Ok(()), Stage::Staged) => {
                self.going_on = Some(Cycle { stage: Stage::Promoted, ..cycle });
                true
            }
            (Ok(()), Stage::Promoted) => false,
            (Err(error), Stage::Staged) => {
                let message =
                    format!("{error}\nthe new key is staged; the next HUP goes on with it");
                self.round.failure = Some(Failure { message, code: error.code() });
                false
            }
            (Err(error), Stage::Promoted) => {
                log::warning(format_args!("cannot retire keys past their time: {error}"));
                false
            }
        }
    }

    /// A key that was carried from the generation before is written down where it can be: a restart of
    /// keybearer would forget it.
    fn store_carried(&mut self) {
        let Some(known) = &mut self.document else { return };
        let not_stored: Vec<_> = known.not_stored(&self.carried).collect();
        let Some(newest) = not_stored.first() else { return };
        let (key, until) = (newest.key.fingerprint(), newest.until);
        let keys = &self.prepared.settings.keys;
        let stored = match keys.write_back {
            Some(false) => Err(Error::NotWritable("[keys] write-back is false".to_owned())),
            Some(true) | None => known.store(&self.carried, keys.keep),
        };
        match stored {
            Ok(()) => log::info(format_args!("wrote key {key} to the fallbacks of the document")),
            Err(error) => self.saying.once(format!(
                "key {key} is carried, not stored: a restart of keybearer before {until} would forget it, and whoever it signed for would be logged out ({error})"
            )),
        }
    }

    fn end(self, outcome: Outcome) -> Result<u8, Error> {
        let Some(ending) = outcome.ending else {
            return Err(match (outcome.cause, self.refusal) {
                (Some(Cause::Asked(signal)), _) => Error::Interrupted(signal),
                (_, Some(refusal)) => refusal,
                (_, None) => Error::NotBack(self.round.failure.map(|failure| failure.message)),
            });
        };
        match outcome.cause {
            Some(Cause::NotReady) => {
                let within = self.rules.within.unwrap_or(Duration::ZERO);
                return Err(Error::NotReady { within, last: outcome.last_answer });
            }
            Some(Cause::NotBack) => {
                return Err(Error::NotBack(self.round.failure.map(|failure| failure.message)));
            }
            Some(Cause::Asked(_) | Cause::Ended(..)) | None => {}
        }
        say_end(&outcome, ending, self.around.terminal.is_some());
        Ok(ending.exit_code())
    }
}

fn stopping() -> Answer {
    let message = "this instance is ending".to_owned();
    Answer::Error { code: Exit::Unavailable.code(), message }
}

fn serving(sockets: &Sockets, environment: &Environment) -> String {
    let key = environment.key_in_use().map(|key| format!(", {key}")).unwrap_or_default();
    match sockets.is_empty() {
        true => format!("serving{key}"),
        false => format!("serving on {}{key}", sockets.shown()),
    }
}

/// A Ctrl-C goes from the terminal to the server, past keybearer: then it did not end by itself.
fn say_end(outcome: &Outcome, ending: Ending, has_terminal: bool) {
    let when = if outcome.was_ready { "" } else { " before it was ready" };
    match (outcome.asked, ending) {
        (Some(_), _) => log::info(format_args!("the server ended{when}: {ending}")),
        (None, Ending::Code(0)) if has_terminal => {
            log::info(format_args!("the server ended{when}: {ending}"));
        }
        (None, Ending::Code(0)) => {
            log::info(format_args!("the server ended by itself{when}: {ending}"));
        }
        (None, _) => log::error(format_args!("the server ended by itself{when}: {ending}")),
    }
}
