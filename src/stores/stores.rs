use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::account::Account;
use crate::config::{KeyNames, Remote, Settings, SourceKind, SourceSpec};
use crate::helper::{
    self, Answer, Change, Executable, Failure, Kept, Request, SourceRequest, Supplied, User, Work,
    Write, Written,
};
use crate::tools::Tool;

use super::cache::Cache;
use super::job::Place;
use super::leases::Leases;
use super::memory::Memory;
use super::staleness::Staleness;
use super::{Asked, Error, Job};

const REVOKING: Duration = Duration::from_secs(10);

/// Somebody may want the end while a store is waited for.
pub trait Interrupt {
    fn descriptor(&self) -> BorrowedFd<'_>;
    fn came(&self) -> Option<Signal>;
}

/// The helper and the commands, and the sources that they are asked for.
pub struct Stores {
    /// None where no source is a store.
    helper: Option<Helper>,
    /// By the index of each source.
    pub(super) tools: BTreeMap<usize, Tool>,
    pub(super) inherited: Rc<BTreeMap<OsString, OsString>>,
    within: Duration,
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
    reused: RefCell<Asked>,
    pub(super) renewing: RefCell<Vec<String>>,
    /// What each was asked with, without the credentials themselves.
    pub(super) supplied: RefCell<BTreeMap<usize, Supplied>>,
    interrupt: RefCell<Option<Rc<dyn Interrupt>>>,
}

/// What each helper is started with.
struct Helper {
    executable: Executable,
    user: User,
    variables: Vec<(OsString, OsString)>,
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
        let helper = match remotes.is_empty() {
            true => None,
            false => Some(Helper {
                executable: Executable::find()?,
                user: User::resolve(helper_user)?,
                variables: helper::variables(&remotes, inherited),
            }),
        };
        let mut tools = BTreeMap::new();
        for (origin, spec) in &sources {
            if let SourceKind::Command(tool) = &spec.kind {
                let tool = Tool::open(tool, helper_user, settings.fetch_within, inherited)?;
                tools.insert(*origin, tool);
            }
        }
        Ok(Some(Rc::new(Stores {
            helper,
            tools,
            inherited: Rc::new(inherited.clone()),
            within: settings.fetch_within,
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

    /// Asks all of them, and waits.
    pub fn fetch(&self) -> Result<Asked, Error> {
        let answer = self.run(self.start_fetch()?)?;
        self.fetched(answer)
    }

    /// The same for one who cannot wait: what comes of it goes to `fetched`. Credentials under a lease
    /// that goes on are not made anew.
    pub fn start_fetch(&self) -> Result<Job, Error> {
        let now = Instant::now();
        let mut asked = Asked::default();
        let mut requests = Vec::new();
        let mut tools = Vec::new();
        for (origin, _) in &self.sources {
            if let Some(got) = self.leases.borrow().reused(*origin, now) {
                asked.0.insert(*origin, got);
            } else if let Some(tool) = self.tools.get(origin) {
                tools.push(Some(tool));
            } else {
                requests.push(self.request(*origin)?);
                tools.push(None);
            }
        }
        *self.reused.borrow_mut() = asked;
        let helper = match requests.is_empty() && !tools.is_empty() {
            true => None,
            false => Some(self.start_helper(Work::Fetch(requests))?),
        };
        let places = tools.into_iter().map(|tool| match tool.map(Tool::start) {
            None => Place::Helper,
            Some(Ok(run)) => Place::Run(Box::new(run)),
            Some(Err(failure)) => Place::Known(Box::new(Err(failure))),
        });
        Ok(Job::new(helper, places.collect()))
    }

    pub fn fetched(&self, answer: Answer) -> Result<Asked, Error> {
        let mut asked = self.reused.take();
        let Answer::Fetched(results) = expected(answer)? else { return Err(Error::OtherAnswer) };
        let wanted: Vec<usize> = self
            .sources
            .iter()
            .map(|(origin, _)| *origin)
            .filter(|origin| asked.of(*origin).is_none())
            .collect();
        if results.len() != wanted.len() {
            return Err(Error::OtherAnswer);
        }
        let mut failures = Vec::new();
        for (origin, result) in wanted.iter().zip(results) {
            match result {
                Ok(mut got) => {
                    self.memory.borrow_mut().note_fetched(*origin, &got);
                    self.leases.borrow_mut().note(*origin, &got, Instant::now());
                    if let Some(supplied) = self.supplied.borrow().get(origin) {
                        got.used.extend_from_slice(&supplied.used);
                        got.warnings.extend_from_slice(&supplied.warnings);
                    }
                    asked.0.insert(*origin, got);
                }
                Err(failure) => failures.push((*origin, self.noted(*origin, failure))),
            }
        }
        let stale = self.fill_from_cache(&mut asked, failures);
        let result = stale.map(|stale| {
            self.stale.borrow_mut().fetched = stale;
            asked
        });
        self.stale.borrow_mut().ask_again(Instant::now());
        result
    }

    /// Whatever was in the way of it, a site that may be outdated asks again.
    pub fn not_fetched(&self) {
        self.stale.borrow_mut().not_fetched(Instant::now());
    }

    /// The site runs with what was fetched last. True: it was outdated before, and is no more.
    pub fn taken_over(&self) -> bool {
        self.memory.borrow_mut().taken_over();
        let mut stale = self.stale.borrow_mut();
        let is_well_again = stale.taken_over();
        if is_well_again {
            stale.ask_again(Instant::now());
        }
        is_well_again
    }

    /// Asks only which versions there are.
    pub fn start_look(&self) -> Result<Job, Error> {
        let requests = self.sources.iter().map(|(origin, _)| self.request(*origin));
        self.start(Work::Look(requests.collect::<Result<_, _>>()?))
    }

    /// Whether any may hold something else than it did.
    pub fn has_news(&self, answer: Answer) -> Result<bool, Error> {
        let Answer::Looked(results) = expected(answer)? else { return Err(Error::OtherAnswer) };
        if results.len() != self.sources.len() {
            return Err(Error::OtherAnswer);
        }
        let mut news = !self.stale.borrow().running.is_empty();
        for ((origin, _), result) in self.sources.iter().zip(results) {
            news |= match result {
                Ok(Some(version)) => self.version(*origin) != Some(version),
                // Made for this site alone: nobody changes them.
                Ok(None) => self.lease_left(*origin).is_none(),
                // Whatever is wrong, asking for all of it says so.
                Err(failure) => {
                    self.noted(*origin, failure);
                    true
                }
            };
        }
        Ok(news)
    }

    /// One of them, and waits.
    pub fn read(&self, origin: usize) -> Result<helper::Got, Error> {
        self.was_read(origin, self.run(self.start_read(origin)?)?)
    }

    pub fn start_read(&self, origin: usize) -> Result<Job, Error> {
        self.start(Work::Fetch(vec![self.request(origin)?]))
    }

    pub fn was_read(&self, origin: usize, answer: Answer) -> Result<helper::Got, Error> {
        let Answer::Fetched(mut results) = expected(answer)? else {
            return Err(Error::OtherAnswer);
        };
        let got = match (results.pop(), results.is_empty()) {
            (Some(result), true) => result.map_err(|failure| self.failed(origin, failure))?,
            _ => return Err(Error::OtherAnswer),
        };
        self.memory.borrow_mut().note(origin, &got);
        Ok(got)
    }

    /// Changes one document if it is still of this version, and waits; the version after it.
    pub fn write(
        &self,
        origin: usize,
        changes: Vec<Change>,
        version: &str,
    ) -> Result<String, Error> {
        // A signal waits: a write that is cut off may have been done, and nobody would be told. It has a
        // deadline of its own.
        let answer = self.start_write(origin, changes, version)?.run(&|| false, None)?;
        self.written(origin, answer)
    }

    pub fn start_write(
        &self,
        origin: usize,
        changes: Vec<Change>,
        version: &str,
    ) -> Result<Job, Error> {
        let source = self.request(origin)?;
        let version = version.to_owned();
        self.start(Work::Write(Box::new(Write { source, changes, version })))
    }

    pub fn written(&self, origin: usize, answer: Answer) -> Result<String, Error> {
        let Answer::Written(result) = expected(answer)? else { return Err(Error::OtherAnswer) };
        let Written { version, state } = result.map_err(|failure| self.failed(origin, failure))?;
        self.memory.borrow_mut().note_state(origin, state);
        Ok(version)
    }

    /// True once, when a store that was away is to be asked again.
    pub fn is_retry_due(&self, now: Instant) -> bool {
        self.stale.borrow_mut().is_due(now)
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
    fn noted(&self, origin: usize, mut failure: Failure) -> Failure {
        self.memory.borrow_mut().note_state(origin, failure.state.take());
        failure
    }

    fn failed(&self, origin: usize, failure: Failure) -> Error {
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
        Ok(Job::new(Some(self.start_helper(work)?), Vec::new()))
    }

    fn start_helper(&self, work: Work) -> Result<helper::Job, Error> {
        // There is no request without a store.
        let Helper { executable, user, variables } =
            self.helper.as_ref().ok_or(Error::OtherAnswer)?;
        // Somebody who wants the end waits for no store that is away: a lease ends by itself.
        let within = match work {
            Work::Revoke(_) => self.within.min(REVOKING),
            _ => self.within,
        };
        let request = Request { within, work };
        Ok(helper::Job::start(executable, user, variables, &request)?)
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
