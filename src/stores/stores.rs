use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::config::{KeyNames, Remote, Settings, SourceKind, SourceSpec};
use crate::helper::{self, Answer, Failure, Kept, SourceRequest, Supplied, Work};
use crate::tools::Tool;

use super::cache::Cache;
use super::leases::Leases;
use super::memory::Memory;
use super::staleness::Staleness;
use super::starter::Starter;
use super::{Asked, Error, Interrupt, Job};

/// The helper and the commands, and the sources that they are asked for.
pub struct Stores {
    /// None where no source is a store.
    starter: Option<Starter>,
    /// By the index of each source.
    pub(super) tools: BTreeMap<usize, Tool>,
    pub(super) inherited: Rc<BTreeMap<OsString, OsString>>,
    pub(super) sources: Vec<(usize, SourceSpec)>,
    /// The names that the site's keys may have.
    keys: Vec<KeyNames>,
    history: bool,
    pub(super) memory: RefCell<Memory>,
    pub(super) leases: RefCell<Leases>,
    pub(super) cache: RefCell<Option<Cache>>,
    pub(super) stale: RefCell<Staleness>,
    /// What the cache gets when the site runs with it, with the index of its source.
    pub(super) fresh: RefCell<Vec<(usize, Kept)>>,
    /// What a fetch that is under way need not ask for.
    pub(super) reused: RefCell<Asked>,
    pub(super) renewing: RefCell<Vec<String>>,
    /// What each was asked with, without the credentials themselves.
    pub(super) supplied: RefCell<BTreeMap<usize, Supplied>>,
    interrupt: RefCell<Option<Rc<dyn Interrupt>>>,
}

impl Stores {
    /// None where all sources are local: then there need be no helper.
    pub fn open(
        settings: &Settings,
        inherited: &BTreeMap<OsString, OsString>,
    ) -> Result<Option<Rc<Stores>>, Error> {
        let is_asked = |spec: &&SourceSpec| {
            matches!(spec.kind, SourceKind::Remote(_) | SourceKind::Command(_))
        };
        let sources: Vec<(usize, SourceSpec)> = settings
            .sources
            .iter()
            .enumerate()
            .filter(|(_, spec)| is_asked(spec))
            .map(|(origin, spec)| (origin, spec.clone()))
            .collect();
        if sources.is_empty() {
            return Ok(None);
        }
        let helper_user = settings.helper_user.as_deref();
        let remotes: Vec<&Remote> = sources.iter().filter_map(|(_, spec)| remote(spec)).collect();
        let starter = match remotes.is_empty() {
            true => None,
            false => Some(Starter::open(helper_user, &remotes, inherited, settings.fetch_within)?),
        };
        let mut tools = BTreeMap::new();
        for (origin, spec) in &sources {
            if let SourceKind::Command(tool) = &spec.kind {
                let tool = Tool::open(tool, helper_user, settings.fetch_within, inherited)?;
                tools.insert(*origin, tool);
            }
        }
        Ok(Some(Rc::new(Stores {
            starter,
            tools,
            inherited: Rc::new(inherited.clone()),
            keys: KeyNames::candidates(&settings.keys),
            history: settings.keys.history,
            memory: RefCell::default(),
            leases: RefCell::default(),
            cache: RefCell::default(),
            stale: RefCell::default(),
            fresh: RefCell::default(),
            reused: RefCell::default(),
            renewing: RefCell::default(),
            supplied: RefCell::default(),
            interrupt: RefCell::default(),
            sources,
        })))
    }

    /// As whom commands run, where that gives something away.
    pub fn warnings(&self, site: &Account) -> Vec<String> {
        self.tools.values().filter_map(|tool| tool.warning(site)).collect()
    }

    /// While a store is waited for, from now on.
    pub fn listen_to(&self, interrupt: Rc<dyn Interrupt>) {
        *self.interrupt.borrow_mut() = Some(interrupt);
    }

    /// Of what was fetched last.
    pub fn lease_left(&self, origin: usize) -> Option<Duration> {
        self.leases.borrow().left(origin, Instant::now())
    }

    /// When a lease has to be looked after, or a store asked again that was away.
    pub fn deadline(&self) -> Option<Instant> {
        let retry = self.stale.borrow().deadline();
        self.leases.borrow().deadline().into_iter().chain(retry).min()
    }

    /// What a source that failed leaves for the next helper is kept all the same.
    pub(super) fn noted(&self, origin: usize, mut failure: Failure) -> Failure {
        self.memory.borrow_mut().note_state(origin, failure.state.take());
        failure
    }

    pub(super) fn failed(&self, origin: usize, failure: Failure) -> Error {
        Error::Failed(vec![self.noted(origin, failure)])
    }

    /// With which the site was brought up to date last.
    pub fn version(&self, origin: usize) -> Option<String> {
        self.memory.borrow().of(origin)?.version.clone()
    }

    /// What the store itself calls the document, where that is more than its config says.
    pub fn identity(&self, origin: usize) -> Option<String> {
        self.memory.borrow().of(origin)?.identity.clone()
    }

    fn spec(&self, origin: usize) -> Option<(&SourceSpec, &Remote)> {
        let (_, spec) = self.sources.iter().find(|(at, _)| *at == origin)?;
        Some((spec, remote(spec)?))
    }

    pub(super) fn request(&self, origin: usize) -> Result<SourceRequest, Error> {
        // An origin is an index of these very sources.
        let (spec, remote) = self.spec(origin).ok_or(Error::OtherAnswer)?;
        let mut supplied = helper::read_credentials(remote, &self.inherited)?;
        let credentials = std::mem::take(&mut supplied.credentials);
        self.supplied.borrow_mut().insert(origin, supplied);
        let own = |names: &KeyNames| spec.selection.own_name(&names.current).to_owned();
        let history = match self.history {
            true => self.keys.iter().map(own).collect(),
            false => Vec::new(),
        };
        let memory = self.memory.borrow();
        let state = memory.of(origin).and_then(|known| Some(known.state.as_ref()?.duplicate()));
        Ok(SourceRequest { remote: remote.clone(), credentials, state, history })
    }

    pub(super) fn start(&self, work: Work) -> Result<Job, Error> {
        Ok(Job::new(Some(self.starter()?.start(work)?), Vec::new()))
    }

    pub(super) fn starter(&self) -> Result<&Starter, Error> {
        // There is no request without a store.
        self.starter.as_ref().ok_or(Error::OtherAnswer)
    }

    pub(super) fn run(&self, job: Job) -> Result<Answer, Error> {
        let interrupt = self.interrupt.borrow().clone();
        // A signal is told once.
        let came = Cell::new(None);
        let has_come = || {
            if came.get().is_none() {
                came.set(interrupt.as_ref().and_then(|interrupt| interrupt.came()));
            }
            came.get().is_some()
        };
        let descriptor = interrupt.as_ref().map(|interrupt| interrupt.descriptor());
        job.run(&has_come, descriptor).map_err(|error| match came.get() {
            Some(signal) => Error::Interrupted(signal),
            None => error.into(),
        })
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").field("sources", &self.sources).finish_non_exhaustive()
    }
}

fn remote(spec: &SourceSpec) -> Option<&Remote> {
    match &spec.kind {
        SourceKind::Remote(remote) => Some(remote),
        _ => None,
    }
}

pub(super) fn expected(answer: Answer) -> Result<Answer, Error> {
    match answer {
        Answer::Failed(failure) => Err(Error::Failed(vec![failure])),
        answer => Ok(answer),
    }
}
