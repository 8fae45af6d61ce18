use nix::unistd::getuid;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::rotation::Rotation;
use crate::app::error::Error;
use crate::log;

const SUDO: &str = "SUDO_UID";

impl Rotation<'_> {
    /// Who has done what to which document, and what came of it. Nothing was done: no line.
    pub fn leave_trace(&self, result: &Result<(), Error>) {
        if self.is_dry || (self.done.is_empty() && result.is_ok()) {
            return;
        }
        let done = match self.done.is_empty() {
            true => "nothing written".to_owned(),
            false => self.done.join(", "),
        };
        let outcome = match result {
            Ok(()) => String::new(),
            Err(error) => format!(", ended with exit code {}", error.code()),
        };
        let place = &self.subject.place;
        let instances = match self.adopters.len() {
            1 => "1 instance".to_owned(),
            more => format!("{more} instances"),
        };
        let took = self.begun.elapsed().as_secs_f64();
        log::info(format_args!(
            "rotate: {done} in {place}, {instances}{outcome}, after {took:.2} s ({})",
            who(&self.subject.inherited)
        ));
    }
}

pub(super) fn who(inherited: &BTreeMap<OsString, OsString>) -> String {
    let variable = inherited.get(OsStr::new(SUDO));
    let sudo = variable.and_then(|uid| uid.to_str()?.parse::<u32>().ok());
    let behind = sudo.map(|uid| format!(", by sudo of uid {uid}")).unwrap_or_default();
    format!("uid {}{behind}", getuid())
}
