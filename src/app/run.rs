use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use super::error::Error;
use super::fetch::{self, Locked};
use super::gates;
use super::prepare::Prepared;
use crate::account::Account;
use crate::config::Overrides;
use crate::environment::{self, Environment};
use crate::instance::{Instance, RuntimeDirectory};
use crate::launch::{self, Plan, Received, Sockets, Wiring};
use crate::log;
use crate::server::{self, Way};
use crate::supervise::{
    Arrival, Cause, Heard, Outcome, ProbeSocket, Prober, Readiness, Request, Signals, Step,
    Supervisor, Surroundings, Systemd, Terminal,
};
use crate::sys::{self, Ending};

/// Fetches, validates, starts, supervises; the exit code is the server's.
pub fn run(overrides: Overrides) -> Result<u8, Error> {
    let inherited = environment::inherited();
    let received = Received::take(&inherited)?;
    // Before anything slow begins: an early TERM must not be lost, and must not kill.
    let signals = Signals::take().map_err(|error| kernel("cannot take signals", error))?;
    let prepared = Prepared::from(overrides, inherited)?;
    prepared.require_command()?;
    prepared.account.require_kill()?;

    let settings = &prepared.settings;
    let systemd = Systemd::from(&prepared.inherited);
    // Before anything of another instance of this name could be disturbed.
    let instance = Instance::begin(&settings.name, &prepared.inherited)?;
    let mut sockets = Sockets::new(received, &prepared.account);
    sockets.bind(&settings.listen)?;
    let way = server::way(prepared.kind(), &settings.command, sockets.len());
    instance.listens_on(&sockets.addresses());
    let private = Private::open(way, instance.runtime(), &prepared.account);
    nix::sys::prctl::set_child_subreaper(true)
        .map_err(|error| kernel("cannot adopt orphans", error.into()))?;
    launch::shed().map_err(|error| kernel("cannot drop capabilities", error))?;
    ended_early(&signals)?;

    let environment = fetch::environment(&prepared)?;
    let locked = Locked::now();
    if let Some(warning) = locked.warning() {
        log::warning(warning);
    }
    prepared.judge_command(&environment, !sockets.is_empty())?;
    ended_early(&signals)?;

    let terminal = Terminal::open();
    let around = Surroundings {
        signals: &signals,
        systemd: &systemd,
        terminal: terminal.as_ref(),
        drain: settings.reload.drain,
    };
    gates::pass(&prepared, &environment, around, None)?;
    let supervisor = start(&prepared, &environment, &sockets, &private, around)?;
    supervise(supervisor, &prepared, environment, locked, &systemd, terminal.is_some())
}

/// What only one generation has: how it alone can be asked, or heard.
enum Private {
    Probe(ProbeSocket),
    Heard(Heard),
    Nothing,
}

impl Private {
    /// Opened while keybearer may still make directories. Without a place for it the site starts all the
    /// same, and is only known to live.
    fn open(way: Way, runtime: &io::Result<RuntimeDirectory>, account: &Account) -> Private {
        let opened = match (way, runtime) {
            (Way::Settle, _) => return Private::Nothing,
            (Way::Probe | Way::Heard, Err(error)) => Err(format!("no directory for it: {error}")),
            (Way::Probe, Ok(directory)) => ProbeSocket::open(directory)
                .map(Private::Probe)
                .map_err(|error| format!("'{}': {error}", directory.path().display())),
            (Way::Heard, Ok(directory)) => Heard::open(directory, account)
                .map(Private::Heard)
                .map_err(|error| format!("'{}': {error}", directory.path().display())),
        };
        opened.unwrap_or_else(|why| {
            log::warning(format_args!(
                "cannot open a private socket to know when the server is ready ({why}); waiting for it to settle instead; give a RUNTIME_DIRECTORY that the site can enter (RuntimeDirectoryMode=0755)"
            ));
            Private::Nothing
        })
    }
}

fn start<'a>(
    prepared: &Prepared,
    environment: &Environment,
    sockets: &Sockets,
    private: &'a Private,
    around: Surroundings<'a>,
) -> Result<Supervisor<'a>, Error> {
    let settings = &prepared.settings;
    let ready = &settings.ready;
    let mut plan = Plan::new(&settings.command, environment, prepared.task())?;
    let mut handed = sockets.handed();
    match private {
        Private::Probe(probe) => handed.push((probe.as_fd(), "probe".to_owned())),
        Private::Heard(heard) => plan.set("NOTIFY_SOCKET", &heard.address().to_string()),
        Private::Nothing => {}
    }
    let wiring = Wiring {
        sockets: &handed,
        terminal: around.terminal.map(AsFd::as_fd),
        ..Wiring::default()
    };
    let process = launch::spawn(&plan, wiring)?;
    log::debug(format_args!("started '{}' as pid {process}", plan.program()));

    let now = Instant::now();
    let request =
        Request::new(ready.path.as_deref(), &server::probe_headers(&ready.headers, environment));
    let prober = |probe: &ProbeSocket| Prober::new(probe.path(), request.clone(), now);
    let (readiness, liveness) = match private {
        Private::Probe(probe) => {
            (Readiness::Probe(prober(probe)), ready.liveness.then(|| prober(probe)))
        }
        Private::Heard(heard) => (Readiness::Heard(heard), None),
        Private::Nothing => (Readiness::settle(now, ready.settle), None),
    };
    // To settle is to live for a while: there is nothing to be late for.
    let within = (!matches!(private, Private::Nothing)).then_some(ready.within);
    let supervisor = Supervisor::new(around, process, "the server", readiness, within)
        .serving_as(serving(sockets, environment));
    Ok(match liveness {
        Some(prober) => supervisor.with_liveness(prober),
        None => supervisor,
    })
}

fn serving(sockets: &Sockets, environment: &Environment) -> String {
    let key = environment.key.map(|key| format!(", {key}")).unwrap_or_default();
    match sockets.is_empty() {
        true => format!("serving{key}"),
        false => format!("serving on {}{key}", sockets.shown()),
    }
}

fn supervise(
    mut supervisor: Supervisor<'_>,
    prepared: &Prepared,
    running: Environment,
    mut locked: Locked,
    systemd: &Systemd,
    has_terminal: bool,
) -> Result<u8, Error> {
    loop {
        let step =
            supervisor.wait_for_step().map_err(|error| kernel("cannot wait for events", error))?;
        let outcome = match step {
            Step::FetchAgain(asked) => {
                systemd.extend();
                locked = say_differences(prepared, &running, locked, asked);
                sys::give_code_back();
                continue;
            }
            Step::Ended(outcome) => outcome,
        };
        if outcome.cause == Some(Cause::NotReady) {
            let within = prepared.settings.ready.within;
            return Err(Error::NotReady { within, last: outcome.last_answer });
        }
        say_end(&outcome, has_terminal);
        return Ok(outcome.ending.exit_code());
    }
}

/// A Ctrl-C goes from the terminal to the server, past keybearer: then it did not end by itself.
fn say_end(outcome: &Outcome, has_terminal: bool) {
    let when = if outcome.was_ready { "" } else { " before it was ready" };
    let ending = outcome.ending;
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

/// HUP, until rotation acts on it: fetches and validates again and says what would change.
fn say_differences(
    prepared: &Prepared,
    running: &Environment,
    before: Locked,
    asked: Arrival,
) -> Locked {
    let fetched = match fetch::environment(prepared) {
        Err(error) => {
            log::error(format_args!("{error}\nthe running server stays as it is ({asked})"));
            return before;
        }
        Ok(fetched) => fetched,
    };
    let locked = Locked::now();
    if let Some(warning) = locked.warning().filter(|_| before != locked) {
        log::warning(warning);
    }
    let differences = running.differences(&fetched);
    let shown: Vec<String> = differences.iter().take(12).map(ToString::to_string).collect();
    let more = match differences.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match shown.is_empty() {
        true => log::info(format_args!("nothing changed ({asked})")),
        false => {
            log::info(format_args!("a restart would bring: {}{more} ({asked})", shown.join(", ")))
        }
    }
    locked
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
