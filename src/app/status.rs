mod metrics;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::error::Error;
use super::instances;
use super::output::{Unbuffered, print};
use crate::cli::Form;
use crate::config::{self, Overrides};
use crate::control::{self, Answer, Request, Status};
use crate::environment;
use crate::exit::Exit;
use crate::log;
use crate::moment::Moment;

/// What an instance does, with which keys, and since when.
pub fn status(name: Option<String>, form: Form) -> Result<u8, Error> {
    let inherited = environment::inherited();
    log::start(config::log_settings(&Overrides::default(), &inherited));
    let status = match ask(name, &inherited) {
        // A HEALTHCHECK knows 0 and 1, whatever is wrong.
        Err(error) if form == Form::Check => {
            log::error(error);
            return Ok(Exit::Failure.code());
        }
        asked => asked?,
    };
    let shown = match form {
        Form::Text => text::text(&status, Moment::now()),
        Form::Json => format!("{}\n", status.json()),
        Form::Check => format!("{}: {}\n", status.name, status.state),
        Form::Metrics => metrics::metrics(&status, Moment::now()),
    };
    print(&mut Unbuffered, shown.as_bytes())?;
    let healthy = form != Form::Check || status.state.serves();
    Ok(if healthy { 0 } else { Exit::Failure.code() })
}

fn ask(name: Option<String>, inherited: &BTreeMap<OsString, OsString>) -> Result<Status, Error> {
    let instance = instances::chosen(name, inherited)?;
    match control::ask(&instance, Request::Status)? {
        Answer::Status(status) => Ok(*status),
        Answer::Error { code, message } => Err(Error::Answered { code, message }),
        Answer::Round(_) => {
            let asked = Request::Status.command();
            Err(control::Error::Unexpected { name: instance.name, asked }.into())
        }
    }
}
