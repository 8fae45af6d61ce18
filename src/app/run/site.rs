use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::unistd::getpid;

use super::asker::{self, Asker};
use super::kernel;
use super::private::Privates;
use super::round::{Failure, Round};
use super::saying::Saying;
use super::standing::Standing;
use crate::app::error::Error;
use crate::app::fetch::{self, Locked};
use crate::app::gates::{self, Gate};
use crate::app::prepare::Prepared;
use crate::config::Strategy;
use crate::control::{
    self, Answer, KeyStatus, Outcome, Peer, Request, RoundResult, SourceStatus, State, Status,
    Ticket,
};
use crate::environment::{Built, Environment};
use crate::exit::Exit;
use crate::keyring::{self, Carried, Document, Record};
use crate::launch::{self, Plan, Sockets, Wiring};
use crate::log;
use crate::moment::Moment;
use crate::secrets::{Fingerprint, Secret};
use crate::supervise::{
    self, Cause, Generation, RoundEnd, Rules, Started, Step, Supervisor, Surroundings, TaskEnd,
    Which, Why,
};
use crate::sys::{self, Ending};

/// A site and its generations: what the supervisor needs a secret or a setting for is done here.
pub(super) struct Site<'a> {
    prepared: &'a Prepared,
    sockets: &'a Sockets,
    privates: Privates<'a>,
    around: Surroundings<'a>,
    rules: Rules,
    locked: Locked,
    supervisor: Supervisor<'a>,
    /// What the serving generation was started with.
    running: Option<Environment>,
    /// What the one that is waited for was started with.
    coming: Option<Environment>,
    carried: Vec<Carried>,
    round: Round,
    /// Who waits for the next round.
    waiting: Vec<Asker>,
    /// Why nothing was started.
    refusal: Option<Error>,
    /// Of the key's document, as it was fetched last.
    document: Option<Known>,
    standing: Standing,
    saying: Saying,
}

/// What `status` says of the document.
struct Known {
    staged: Option<Fingerprint>,
    record: Record,
}

impl<'a> Site<'a> {
    pub fn new(
        prepared: &'a Prepared,
        sockets: &'a Sockets,
        privates: Privates<'a>,
        around: Surroundings<'a>,
        rules: Rules,
        locked: Locked,
        supervisor: Supervisor<'a>,
    ) -> Site<'a> {
        Site {
            prepared,
            sockets,
            privates,
            around,
            rules,
            locked,
            supervisor,
            running: None,
            coming: None,
            carried: Vec::new(),
            round: Round::begin(Vec::new(), None),
            waiting: Vec::new(),
            refusal: None,
            document: None,
            standing: Standing::new(),
            saying: Saying::default(),
        }
    }

    /// From the first generation to the end of the last; the exit code is the server's.
    pub fn run(mut self, wanted: Built) -> Result<u8, Error> {
        self.document = wanted.keys.as_ref().map(|keys| Known::of(&keys.document));
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
        self.round = Round::begin(askers, key);
        if self.round.askers.iter().any(Asker::is_somebody) {
            self.around.systemd.reloading("looking at the secrets again");
        }
        self.around.systemd.extend();
        let (wanted, warnings) = fetch::quietly(self.prepared);
        self.saying.say(warnings);
        let steps = match wanted {
            Ok(wanted) => {
                self.standing.was_fetched();
                self.plan(wanted)
            }
            Err(error) => {
                self.standing.was_not_fetched(&error.to_string());
                Err(error)
            }
        };
        // What the parsers of the sources left in memory is needed no more.
        sys::give_code_back();
        match steps {
            Ok(steps) => self.supervisor.fetched(steps),
            Err(error) => self.refuse(&error),
        }
    }

    fn plan(&mut self, wanted: Built) -> Result<usize, Error> {
        let locked = Locked::now();
        if let Some(warning) = locked.warning().filter(|_| self.locked != locked) {
            log::warning(warning);
        }
        self.locked = locked;
        self.prepared.judge_command(&wanted.environment, !self.sockets.is_empty())?;

        let Built { environment, keys, .. } = wanted;
        self.document = keys.as_ref().map(|keys| Known::of(&keys.document));
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
        if generation == Generation::FIRST {
            log::info(self.supervisor.status());
        }
        self.around.systemd.ready(self.supervisor.status());
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
        if matches!(end, RoundEnd::HandedOver | RoundEnd::Unchanged) {
            self.carried = std::mem::take(&mut self.round.carried);
        }
        // Nothing of what did not come to run is kept.
        self.round.steps.clear();
        if !is_first {
            let result = self.result(end);
            self.say(&result);
            self.count(&result);
            for ticket in self.round.askers.iter().filter_map(Asker::ticket) {
                self.supervisor.answer(ticket, &Answer::Round(result.clone()));
            }
        }
        if self.supervisor.is_stopping() {
            for ticket in self.waiting.drain(..).filter_map(|asker| asker.ticket()) {
                self.supervisor.answer(ticket, &stopping());
            }
        } else {
            self.around.systemd.ready(self.supervisor.status());
        }
    }

    fn result(&self, end: RoundEnd) -> RoundResult {
        let key = self.running.as_ref().and_then(Environment::key_in_use);
        let failed = |failure: &Failure| Outcome::Failed {
            code: failure.code,
            message: failure.message.clone(),
        };
        let interrupted = Failure {
            message: "keybearer was told to end in the middle of it".to_owned(),
            code: Exit::Unavailable.code(),
        };
        RoundResult {
            outcome: match end {
                RoundEnd::HandedOver => Outcome::HandedOver,
                RoundEnd::Unchanged => Outcome::Unchanged,
                RoundEnd::Failed => failed(self.round.failure.as_ref().unwrap_or(&interrupted)),
                RoundEnd::Interrupted => failed(&interrupted),
            },
            generation: self.supervisor.serving().map_or(0, Generation::number),
            before: self.round.key_before.map(|key| key.fingerprint),
            after: key.map(|key| key.fingerprint),
            changed: self.round.changes.iter().map(ToString::to_string).collect(),
            took: self.round.begun.elapsed(),
        }
    }

    /// The audit line: who asked, what changed, what came of it and how long it took.
    fn say(&self, result: &RoundResult) {
        let askers = asker::shown(&self.round.askers);
        let took = result.took.as_secs_f64();
        match &result.outcome {
            // A watch that found nothing is no news.
            Outcome::Unchanged if !self.round.askers.iter().any(Asker::is_somebody) => {
                log::debug(format_args!("nothing changed ({askers})"));
            }
            Outcome::Unchanged => log::info(format_args!("nothing changed ({askers})")),
            Outcome::HandedOver => {
                let changes = self.round.changes_shown(result.before, result.after);
                let generation = result.generation;
                log::info(format_args!(
                    "{changes}; generation {generation} took over after {took:.2} s ({askers})"
                ));
            }
            Outcome::Failed { message, .. } if self.supervisor.is_stopping() => {
                log::warning(format_args!("{message}, after {took:.2} s ({askers})"));
            }
            Outcome::Failed { message, .. } => {
                let what = match self.round.hand_overs {
                    0 => "the running server stays as it is".to_owned(),
                    _ => format!("generation {} goes on, after {took:.2} s", result.generation),
                };
                log::error(format_args!("{message}\n{what} ({askers})"));
            }
        }
    }

    fn count(&mut self, result: &RoundResult) {
        match &result.outcome {
            Outcome::HandedOver => self.standing.handed_over(result.took),
            Outcome::Failed { message, .. } if self.round.hand_overs > 0 => {
                self.standing.failed_to_hand_over(result.took, message);
            }
            Outcome::Unchanged | Outcome::Failed { .. } => {}
        }
    }

    fn status(&self) -> Status {
        let settings = &self.prepared.settings;
        let key = self.running.as_ref().and_then(Environment::keys).map(|keys| {
            let current = keys.current.fingerprint();
            let known = self.document.as_ref();
            let carried = self.carried.iter().map(|carried| control::Carried {
                key: carried.key.fingerprint(),
                until: carried.until,
            });
            let fallbacks = keys.fingerprints();
            KeyStatus {
                current,
                since: known.and_then(|known| known.record.since(current)),
                next: known.and_then(|known| known.staged).filter(|key| fallbacks.contains(key)),
                fallbacks,
                carried: carried.collect(),
            }
        });
        let state = match (self.supervisor.serving(), self.supervisor.is_idle()) {
            _ if self.supervisor.is_stopping() => State::Stopping,
            (None, _) if self.running.is_none() => State::Starting,
            (Some(_), true) => State::Serving,
            (Some(_) | None, _) => State::HandingOver,
        };
        let shown = settings.sources.iter().map(|source| source.kind.to_string());
        Status {
            name: settings.name.clone(),
            pid: getpid(),
            keybearer: env!("CARGO_PKG_VERSION").to_owned(),
            state,
            generation: self.supervisor.serving().map_or(1, Generation::number),
            pids: self.supervisor.processes().map(|(_, pid)| pid).collect(),
            since: self.standing.since,
            strategy: self.rules.strategy,
            key,
            document: None,
            sources: shown.map(|source| SourceStatus { source, version: None }).collect(),
            hand_overs_ok: self.standing.hand_overs_ok,
            hand_overs_failed: self.standing.hand_overs_failed,
            last: self.standing.last.clone(),
            fetched: self.standing.fetched,
            fetch_failed: self.standing.fetch_failed.clone(),
            restarts: self.standing.restarts,
            started: self.standing.started,
            addresses: self.sockets.addresses().into_iter().map(str::to_owned).collect(),
        }
    }

    fn end(self, outcome: supervise::Outcome) -> Result<u8, Error> {
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
            Some(Cause::Asked(_) | Cause::Ended(_)) | None => {}
        }
        say_end(&outcome, ending, self.around.terminal.is_some());
        Ok(ending.exit_code())
    }
}

impl Known {
    fn of(document: &Document) -> Known {
        let staged = document.next.as_ref().map(Secret::fingerprint);
        Known { staged, record: document.record.clone() }
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
fn say_end(outcome: &supervise::Outcome, ending: Ending, has_terminal: bool) {
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
