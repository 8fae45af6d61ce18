//! The command `rotate`: a new key comes in while the old one still verifies.
//!
//! The truth is the document. Every step is one write to it, which fails where somebody else was
//! faster, and everybody here who uses it takes the step over before the next one is written. So it may
//! end anywhere: the next call goes on from what is written and from what runs.
//!
//! It gives up no capability, unlike `run` and `check`: an instance of another user is asked on a
//! socket of that user's. What it starts to ask Django has none.

mod adopter;
mod adopters;
mod adoption;
mod audit;
mod cycle;
mod error;
mod interrupt;
mod rotation;
mod settings;
mod sight;
mod steps;
mod subject;
mod table;
mod value;

use std::rc::Rc;

use super::error::Error as AppError;
use super::output::{Unbuffered, print};
use crate::cli::RotateOptions;
use crate::config;
use crate::environment;
use crate::log;

use interrupt::Interrupt;
use rotation::{Manner, Rotation};
use subject::Subject;

pub use error::Error;

/// One call, from the options to the table.
pub fn rotate(options: RotateOptions) -> Result<u8, AppError> {
    let inherited = environment::inherited();
    log::start(config::log_settings(&options.overrides, &inherited));
    let interrupt = Rc::new(Interrupt::take()?);
    let nothing_yet = || "nothing was written".to_owned();
    if let Some(name) = options.value.clone() {
        let written = value::rotate(&name, options, &inherited, &interrupt);
        return written.map(|()| 0).map_err(|error| told_to_end(error, nothing_yet));
    }
    let RotateOptions { step, due, now, dry_run, blind, overrides, .. } = options;
    let subject = Subject::settle(overrides, inherited, &interrupt)
        .map_err(|error| told_to_end(error, nothing_yet))?;
    let manner = Manner { is_dry: dry_run, is_blind: blind, now };
    let mut rotation = Rotation::begin(&subject, &interrupt, manner)
        .map_err(|error| told_to_end(error, nothing_yet))?;

    let result = match step {
        Some(step) => rotation.step(step),
        None if due => rotation.due(),
        None => rotation.whole(),
    };
    let result = result.map_err(|error| {
        told_to_end(error, || match rotation.done.is_empty() {
            true => nothing_yet(),
            false => format!("{}; to go on run: keybearer rotate", rotation.standing()),
        })
    });
    rotation.leave_trace(&result);
    result?;
    if !dry_run {
        show_outcome(&mut rotation)?;
    }
    match rotation.unwritable {
        Some(error) => Err(error.into()),
        None => Ok(0),
    }
}

fn show_outcome(rotation: &mut Rotation<'_>) -> Result<(), AppError> {
    let nobody_asked = rotation.adopters.iter().all(|adopter| adopter.took.is_zero());
    if rotation.done.is_empty() && nobody_asked {
        return Ok(());
    }
    if rotation.adopters.is_empty() {
        let key = rotation.document.current.fingerprint();
        let place = &rotation.subject.place;
        rotation.say(&format!("no instance uses {place} here; the next one signs with key {key}"));
        return Ok(());
    }
    Ok(print(&mut Unbuffered, table::table(&rotation.adopters).as_bytes())?)
}

/// A signal, in the words of this command.
fn told_to_end(error: AppError, standing: impl FnOnce() -> String) -> AppError {
    match error {
        AppError::Interrupted(signal) => Error::Interrupted { signal, standing: standing() }.into(),
        error => error,
    }
}
