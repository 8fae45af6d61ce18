use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::asker::Asker;
use super::cycle::Cycle;
use super::kernel;
use super::known::Known;
use super::private::Privates;
use super::round::{Failure, Round};
use super::saying::Saying;
use super::standing::Standing;
use crate::app::error::Error;
use crate::app::fetch;
use crate::app::gates;
use crate::app::prepare::Prepared;
use crate::config::{OnHup, Strategy};
use crate::control::{Answer, Peer, Request, Ticket};
use crate::environment::{Built, Digest, Environment};
use crate::exit::Exit;
use crate::instance::Instance;
use crate::keyring::{Carried, Document};
use crate::launch::Sockets;
use crate::log;
use crate::moment::Moment;
use crate::secrets::Fingerprint;
use crate::supervise::{Cause, Outcome, Rules, Step, Supervisor, Surroundings};
use crate::sys::Ending;

/// So many who ask are named in one line of the log, and more.
const MOST_NAMED: usize = 16;

/// A site and its generations: what the supervisor needs a secret or a setting for is done here.
pub(super) struct Site<'a> {
    pub(super) prepared: &'a Prepared,
    pub(super) sockets: &'a Sockets,
    pub(super) instance: &'a Instance,
    pub(super) privates: Privates<'a>,
    pub(super) around: Surroundings<'a>,
    pub(super) rules: Rules,
    pub(super) supervisor: Supervisor<'a>,
    /// What the serving generation was started with.
    pub(super) running: Option<Environment>,
    /// What the one that is waited for was started with.
    pub(super) coming: Option<Environment>,
    pub(super) carried: Vec<Carried>,
    /// The keys that the document held when it was last seen, and until when it holds them.
    pub(super) stored: BTreeMap<Fingerprint, Option<Moment>>,
    pub(super) round: Round,
    /// Who waits for the next round.
    pub(super) waiting: Vec<Asker>,
    /// The next round is part of a rotation.
    pub(super) going_on: Option<Cycle>,
    /// Why nothing was started.
    pub(super) refusal: Option<Error>,
    /// Of the key's document, as it was fetched last.
    pub(super) document: Option<Known>,
    pub(super) standing: Standing,
    pub(super) saying: Saying,
    /// Those that what runs was started with.
    pub(super) leases: BTreeSet<String>,
    pub(super) leases_coming: Option<BTreeSet<String>>,
    /// What is on its way into a store, and the how-manieth time.
    pub(super) on_the_way: Option<Document>,
    pub(super) tries_to_store: u32,
    /// What the server did not start with, where it had been stopped for it.
    pub(super) in_vain: Option<Digest>,
}

impl<'a> Site<'a> {
    pub fn new(
        prepared: &'a Prepared,
        sockets: &'a Sockets,
        privates: Privates<'a>,
        around: Surroundings<'a>,
        instance: &'a Instance,
        saying: Saying,
        supervisor: Supervisor<'a>,
    ) -> Site<'a> {
        Site {
            prepared,
            sockets,
            instance,
            privates,
            around,
            rules: supervisor.rules(),
            supervisor,
            running: None,
            coming: None,
            carried: Vec::new(),
            stored: BTreeMap::new(),
            round: Round::begin(Vec::new(), None),
            waiting: Vec::new(),
            going_on: None,
            refusal: None,
            document: None,
            standing: Standing::new(),
            saying,
            leases: BTreeSet::new(),
            leases_coming: None,
            on_the_way: None,
            tries_to_store: 0,
            in_vain: None,
        }
    }

    /// From the first generation to the end of the last; the exit code is the server's.
    pub fn run(mut self, wanted: Built) -> Result<u8, Error> {
        let settings = &self.prepared.settings;
        let stores = self.prepared.stores.as_ref();
        self.document = wanted.keys.as_ref().map(|keys| Known::of(keys, settings, stores));
        let identity = self.document.as_ref().and_then(|known| known.identity.as_deref());
        self.instance.uses(&self.sockets.addresses(), identity);
        if settings.keys.on_hup == OnHup::Generate {
            // Now, and not when somebody relies on it.
            self.document.as_ref().ok_or(Error::NoKey)?.file()?;
        }
        self.note_fetched();
        self.set_alarm();
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
                Step::Watch => self.look_around(),
                Step::Answered(errand, answer) => self.answered(errand, answer),
                Step::Alarm => self.look_after_leases(),
                Step::Left => self.revoke_unused(),
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

    pub(super) fn ask(&mut self, asker: Asker) {
        let is_asked_for = !self.waiting.is_empty();
        // A thousand of one kind are one: nobody waits for an answer to a signal. Those of many senders
        // are not all named either.
        let is_named = self.waiting.len() >= MOST_NAMED || self.waiting.contains(&asker);
        if asker.ticket().is_some() || !is_named {
            self.waiting.push(asker);
        }
        // The round that is asked for takes all who wait when it begins; another one after it would be
        // nobody's.
        if !is_asked_for {
            self.supervisor.ask();
        }
    }

    pub(super) fn overlap(&self) -> bool {
        self.rules.strategy == Strategy::HandOver
    }

    pub(super) fn refuse(&mut self, error: &Error) {
        self.round.failure = Some(Failure { message: error.to_string(), code: error.code() });
        self.supervisor.refused();
    }

    fn end(self, outcome: Outcome) -> Result<u8, Error> {
        let Some(ending) = outcome.ending else {
            return Err(match (outcome.cause, self.refusal) {
                (Some(Cause::Asked(signal)), _) => Error::Interrupted(signal),
                (_, Some(refusal)) => refusal,
                (_, None) => Error::NotBack,
            });
        };
        match outcome.cause {
            Some(Cause::NotReady) => {
                let within = self.rules.within.unwrap_or(Duration::ZERO);
                return Err(Error::NotReady { within, last: outcome.last_answer });
            }
            Some(Cause::NotBack) => return Err(Error::NotBack),
            Some(Cause::Asked(_) | Cause::Ended(..)) | None => {}
        }
        say_end(&outcome, ending, self.around.terminal.is_some());
        Ok(ending.exit_code())
    }
}

pub(super) fn stopping() -> Answer {
    let message = "this instance is ending".to_owned();
    Answer::Error { code: Exit::Unavailable.code(), message }
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
