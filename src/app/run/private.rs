use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use crate::account::Account;
use crate::config::Ready;
use crate::environment::Environment;
use crate::instance::RuntimeDirectory;
use crate::log;
use crate::server::{self, Way};
use crate::supervise::{Generation, Heard, ProbeSocket, Prober, Readiness, Request};

/// How each generation can be asked or heard by itself, and where its socket for that is made.
#[derive(Debug)]
pub(super) struct Privates<'a> {
    way: Way,
    runtime: &'a io::Result<RuntimeDirectory>,
    account: Account,
    /// That of the first generation, opened early to see whether it can be.
    first: Option<Private>,
}

/// What only one generation has.
#[derive(Debug)]
pub(super) enum Private {
    Probe(ProbeSocket),
    Heard(Heard),
    Nothing,
}

impl<'a> Privates<'a> {
    /// Without a place for the sockets the site starts all the same, and is only known to live.
    pub fn open(
        way: Way,
        runtime: &'a io::Result<RuntimeDirectory>,
        account: &Account,
    ) -> Privates<'a> {
        let mut privates = Privates { way, runtime, account: account.clone(), first: None };
        match privates.make(Generation::FIRST) {
            Ok(private) => privates.first = Some(private),
            Err(why) => {
                privates.way = Way::Settle;
                log::warning(format_args!(
                    "cannot open a private socket to know when the server is ready ({why}); waiting for it to settle instead; give a RUNTIME_DIRECTORY that the site can enter (RuntimeDirectoryMode=0755)"
                ));
            }
        }
        privates
    }

    /// Whether a generation can be late: where it is neither asked nor heard it only has to live.
    pub fn is_asked(&self) -> bool {
        self.way != Way::Settle
    }

    pub fn next(&mut self, generation: Generation) -> Result<Private, String> {
        match self.first.take() {
            Some(first) => Ok(first),
            None => self.make(generation),
        }
    }

    fn make(&self, generation: Generation) -> Result<Private, String> {
        let directory = match (self.way, self.runtime) {
            (Way::Settle, _) => return Ok(Private::Nothing),
            (Way::Probe | Way::Heard, Err(error)) => {
                return Err(format!("no directory for it: {error}"));
            }
            (Way::Probe | Way::Heard, Ok(directory)) => directory,
        };
        let opened = match self.way {
            Way::Probe => ProbeSocket::open(directory, generation).map(Private::Probe),
            Way::Heard => Heard::open(directory, generation, &self.account).map(Private::Heard),
            Way::Settle => return Ok(Private::Nothing),
        };
        opened.map_err(|error| format!("'{}': {error}", directory.path().display()))
    }
}

impl Private {
    /// The socket that the server gets beside the public ones.
    pub fn handed(&self) -> Option<(BorrowedFd<'_>, String)> {
        match self {
            Private::Probe(probe) => Some((probe.as_fd(), "probe".to_owned())),
            Private::Heard(_) | Private::Nothing => None,
        }
    }

    pub fn notify_address(&self) -> Option<String> {
        match self {
            Private::Heard(heard) => Some(heard.address().to_string()),
            Private::Probe(_) | Private::Nothing => None,
        }
    }

    /// How it is known that the generation serves, and whether it goes on being asked.
    pub fn readiness(
        self,
        ready: &Ready,
        environment: &Environment,
    ) -> (Readiness, Option<Prober>) {
        let now = Instant::now();
        match self {
            Private::Probe(socket) => {
                let headers = server::probe_headers(&ready.headers, environment);
                let request = Request::new(ready.path.as_deref(), &headers);
                let prober = |request| Prober::new(socket.path(), request, now);
                let liveness = ready.liveness.then(|| prober(request.clone()));
                let prober = prober(request);
                (Readiness::Probe { socket, prober }, liveness)
            }
            Private::Heard(heard) => (Readiness::Heard(heard), None),
            Private::Nothing => (Readiness::settle(now, ready.settle), None),
        }
    }
}
