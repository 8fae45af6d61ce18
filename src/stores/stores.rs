use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::config::{KeyNames, Remote, Settings, SourceKind, SourceSpec};
use crate::helper::{
    self, Answer, Change, Executable, Job, Request, SourceRequest, User, Work, Write, Written,
};

use super::memory::Memory;
use super::{Asked, Error};

/// Somebody may want the end while a store is waited for.
pub trait Interrupt {
    fn descriptor(&self) -> BorrowedFd<'_>;
    fn came(&self) -> Option<Signal>;
}

/// The helper, and the sources that it is asked for.
pub struct Stores {
    executable: Executable,
    user: User,
    inherited: Rc<BTreeMap<OsString, OsString>>,
    variables: Vec<(OsString, OsString)>,
    within: Duration,
    sources: Vec<(usize, SourceSpec)>,
    /// The names that the site's keys may have.
    keys: Vec<KeyNames>,
    history: bool,
    memory: RefCell<Memory>,
    interrupt: RefCell<Option<Rc<dyn Interrupt>>>,
}

impl Stores {
    /// None where all sources are local: then there need be no helper.
    pub fn open(
        settings: &Settings,
        inherited: &BTreeMap<OsString, OsString>,
    ) -> Result<Option<Rc<Stores>>, Error> {
        let is_remote = |spec: &&SourceSpec| matches!(spec.kind, SourceKind::Remote(_));
        if !settings.sources.iter().any(|spec| is_remote(&spec)) {
            return Ok(None);
        }
        let sources: Vec<(usize, SourceSpec)> = settings
            .sources
            .iter()
            .enumerate()
            .filter(|(_, spec)| is_remote(spec))
            .map(|(origin, spec)| (origin, spec.clone()))
            .collect();
        let remotes: Vec<&Remote> = sources.iter().filter_map(|(_, spec)| remote(spec)).collect();
        Ok(Some(Rc::new(Stores {
            executable: Executable::find()?,
            user: User::resolve(settings.helper_user.as_deref())?,
            variables: helper::variables(&remotes, inherited),
            inherited: Rc::new(inherited.clone()),
            within: settings.fetch_within,
            keys: KeyNames::candidates(&settings.keys),
            history: settings.keys.history,
            memory: RefCell::default(),
            interrupt: RefCell::default(),
            sources,
        })))
    }

    /// While a store is waited for, from now on.
    pub fn listen_to(&self, interrupt: Rc<dyn Interrupt>) {
        *self.interrupt.borrow_mut() = Some(interrupt);
    }

    /// Asks all of them, and waits.
    pub fn fetch(&self) -> Result<Asked, Error> {
        self.fetched(self.run(self.start_fetch()?)?)
    }

    /// The same for one who cannot wait: what comes of it goes to `fetched`.
    pub fn start_fetch(&self) -> Result<Job, Error> {
        let requests = self.sources.iter().map(|(origin, _)| self.request(*origin));
        self.start(Work::Fetch(requests.collect::<Result<_, _>>()?))
    }

    pub fn fetched(&self, answer: Answer) -> Result<Asked, Error> {
        let Answer::Fetched(results) = expected(answer)? else { return Err(Error::OtherAnswer) };
        if results.len() != self.sources.len() {
            return Err(Error::OtherAnswer);
        }
        let mut asked = Asked::default();
        let mut failures = Vec::new();
        for ((origin, _), result) in self.sources.iter().zip(results) {
            match result {
                Ok(mut got) => {
                    self.memory.borrow_mut().note(*origin, &got);
                    got.used.extend(self.used(*origin)?);
                    asked.0.insert(*origin, got);
                }
                Err(failure) => failures.push(failure),
            }
        }
        match failures.is_empty() {
            true => Ok(asked),
            false => Err(Error::Failed(failures)),
        }
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
        let memory = self.memory.borrow();
        Ok(self.sources.iter().zip(results).any(|((origin, _), result)| match result {
            Ok(Some(version)) => {
                memory.of(*origin).and_then(|known| known.version.as_ref()) != Some(&version)
            }
            // Whatever is wrong, asking for all of it says so.
            Ok(None) | Err(_) => true,
        }))
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
            (Some(result), true) => result.map_err(|failure| Error::Failed(vec![failure]))?,
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
        self.written(origin, self.run(self.start_write(origin, changes, version)?)?)
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
        let Written { version, state } =
            result.map_err(|failure| Error::Failed(vec![failure]))?;
        self.memory.borrow_mut().note_state(origin, state);
        Ok(version)
    }

    /// As it was when it was asked last.
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

    fn used(&self, origin: usize) -> Result<Vec<String>, Error> {
        let Some((_, remote)) = self.spec(origin) else { return Ok(Vec::new()) };
        Ok(helper::used_variables(remote, &self.inherited))
    }

    fn request(&self, origin: usize) -> Result<SourceRequest, Error> {
        // An origin is an index of these very sources.
        let (spec, remote) = self.spec(origin).ok_or(Error::OtherAnswer)?;
        let credentials = helper::read_credentials(remote, &self.inherited)?;
        let own = |names: &KeyNames| spec.selection.own_name(&names.current).to_owned();
        let history = match self.history {
            true => self.keys.iter().map(own).collect(),
            false => Vec::new(),
        };
        let state = self.memory.borrow().of(origin).and_then(|known| known.state.as_ref()?.duplicate().into());
        Ok(SourceRequest { remote: remote.clone(), credentials, state, history })
    }

    fn start(&self, work: Work) -> Result<Job, Error> {
        let request = Request { within: self.within, work };
        Ok(Job::start(&self.executable, &self.user, &self.variables, &request)?)
    }

    fn run(&self, job: Job) -> Result<Answer, Error> {
        let interrupt = self.interrupt.borrow().clone();
        let came = || interrupt.as_ref().and_then(|interrupt| interrupt.came());
        let descriptor = interrupt.as_ref().map(|interrupt| interrupt.descriptor());
        job.run(&|| came().is_some(), descriptor).map_err(|error| match came() {
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

fn expected(answer: Answer) -> Result<Answer, Error> {
    match answer {
        Answer::Failed(failure) => Err(Error::Failed(vec![failure])),
        answer => Ok(answer),
    }
}
