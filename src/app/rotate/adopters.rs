//! The instances of this host that use the document.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use nix::unistd::geteuid;

use super::adopter::Adopter;
use super::error::Failed;
use super::interrupt::Interrupt;
use super::subject::Subject;
use crate::app::error::Error;
use crate::control::{self, Answer, Outcome, Request, RoundResult, State, Status};
use crate::instance::{self, Running};
use crate::log;

/// A supervisor answers this at once; only one that hangs takes so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// All of them, or an error where one that runs does not answer: it may be one of them. But what does
/// not answer may also be a site that was broken into and does not want its key to be revoked.
pub(super) fn find(subject: &Subject, interrupt: &Interrupt) -> Result<Vec<Adopter>, Error> {
    let (document, key) = (subject.place.identity(), subject.place.key_name());
    let mut found = Vec::new();
    for running in instance::running(&subject.inherited) {
        let status = match status(&running, interrupt) {
            Ok(status) => status,
            Err(_) if is_gone(&running, &subject.inherited) => continue,
            Err(error @ Error::Interrupted(_)) => return Err(error),
            Err(error) if is_a_strangers(&running) && running.name != subject.settings.name => {
                log::warning(format_args!(
                    "{error}; it is run by uid {}, who cannot hold up a rotation, so it is left alone",
                    running.owner
                ));
                continue;
            }
            Err(error) => return Err(error),
        };
        let uses = status.document.as_deref() == Some(&document)
            && status.document_key.as_deref() == Some(key);
        match uses {
            true if status.state == State::Stopping => {}
            true => found.push(Adopter::new(running, &status)),
            false if running.name == subject.settings.name => log::warning(format_args!(
                "instance '{}' does not use {}, so it is left alone",
                running.name, subject.place
            )),
            false => {}
        }
    }
    Ok(found)
}

/// Neither root's nor of whoever rotates.
fn is_a_strangers(running: &Running) -> bool {
    !running.owner.is_root() && running.owner != geteuid()
}

pub(super) fn status(running: &Running, interrupt: &Interrupt) -> Result<Status, Error> {
    match ask(running, Request::Status, Some(PATIENCE), interrupt)? {
        Answer::Status(status) => Ok(*status),
        Answer::Error { code, message } => Err(Error::Answered { code, message }),
        Answer::Round(_) => Err(unexpected(running, Request::Status)),
    }
}

/// What became of the round.
pub(super) enum Adopted {
    Took(RoundResult),
    /// There is nobody any more who would have to.
    Ended,
    Failed(Failed),
}

/// It reads the document and takes it over. That takes as long as the site takes to start.
pub(super) fn adopt(
    running: &Running,
    inherited: &BTreeMap<OsString, OsString>,
    interrupt: &Interrupt,
) -> Result<Adopted, Error> {
    let (code, message) = match ask(running, Request::Adopt, None, interrupt) {
        Ok(Answer::Round(round)) => match round.outcome {
            Outcome::HandedOver | Outcome::Unchanged => return Ok(Adopted::Took(round)),
            Outcome::Failed { code, message } => (code, message),
        },
        Ok(Answer::Error { code, message }) => (code, message),
        Ok(Answer::Status(_)) => {
            let error = unexpected(running, Request::Adopt);
            (error.code(), error.to_string())
        }
        Err(Error::Interrupted(signal)) => return Err(Error::Interrupted(signal)),
        Err(error) => (error.code(), error.to_string()),
    };
    // What is started after it reads the document as it is now.
    let is_ending = match status(running, interrupt) {
        Ok(status) => status.state == State::Stopping,
        Err(_) => is_gone(running, inherited),
    };
    let failed = || Failed { name: running.name.clone(), code, message };
    Ok(if is_ending { Adopted::Ended } else { Adopted::Failed(failed()) })
}

fn ask(
    running: &Running,
    request: Request,
    within: Option<Duration>,
    interrupt: &Interrupt,
) -> Result<Answer, Error> {
    let is_over = || interrupt.by().is_some();
    match (control::ask_unless(running, request, within, interrupt, is_over)?, interrupt.by()) {
        (Some(answer), _) => Ok(answer),
        (None, Some(signal)) => Err(Error::Interrupted(signal)),
        // It is over only where there is a signal.
        (None, None) => Err(control::Error::Gone { name: running.name.clone() }.into()),
    }
}

pub(super) fn is_gone(running: &Running, inherited: &BTreeMap<OsString, OsString>) -> bool {
    instance::find(&running.name, inherited).is_none()
}

fn unexpected(running: &Running, request: Request) -> Error {
    let asked = request.command();
    control::Error::Unexpected { name: running.name.clone(), asked }.into()
}
