use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::error::Error;
use crate::config;
use crate::control;
use crate::instance::{self, Running};

const VARIABLE: &str = "KEYBEARER_NAME";

/// The instance of this name; without one that of KEYBEARER_NAME, else the only one that runs.
pub fn chosen(
    name: Option<String>,
    inherited: &BTreeMap<OsString, OsString>,
) -> Result<Running, Error> {
    let name = match name {
        Some(name) => Some(name),
        None => named(inherited)?,
    };
    match name {
        Some(name) => match instance::find(&name, inherited) {
            Some(running) => Ok(running),
            None => Err(control::Error::Nobody { name }.into()),
        },
        None => only(instance::running(inherited)),
    }
}

/// An empty variable is none.
fn named(inherited: &BTreeMap<OsString, OsString>) -> Result<Option<String>, Error> {
    let given = inherited.get(OsStr::new(VARIABLE)).filter(|value| !value.is_empty());
    let Some(given) = given else { return Ok(None) };
    let name = given.to_str().ok_or("expected UTF-8").and_then(config::instance_name);
    name.map(Some).map_err(|message| config::Error::Variable { variable: VARIABLE, message }.into())
}

fn only(mut running: Vec<Running>) -> Result<Running, Error> {
    match (running.pop(), running.is_empty()) {
        (None, _) => Err(Error::NoInstance),
        (Some(one), true) => Ok(one),
        (Some(last), false) => {
            running.push(last);
            Err(Error::SeveralInstances(running.into_iter().map(|one| one.name).collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(names: &[&str]) -> Vec<Running> {
        let one = |name: &&str| Running {
            name: (*name).to_owned(),
            socket: "/nowhere".into(),
            owner: nix::unistd::geteuid(),
        };
        names.iter().map(one).collect()
    }

    #[test]
    fn the_only_one_needs_no_name() {
        assert_eq!(only(running(&["a"])).unwrap().name, "a");
        let several = only(running(&["a", "b", "c"])).unwrap_err();
        assert_eq!(several.code(), 64);
        assert_eq!(several.to_string(), "several instances run: a, b, c; name one");
        assert_eq!(only(Vec::new()).unwrap_err().code(), 69);
    }

    #[test]
    fn the_variable_is_a_name() {
        let with = |value: &str| BTreeMap::from([(VARIABLE.into(), value.into())]);
        assert_eq!(named(&with("site")).unwrap().as_deref(), Some("site"));
        assert_eq!(named(&with("")).unwrap(), None);
        let error = named(&with("../x")).unwrap_err();
        assert_eq!(error.code(), 64);
        assert!(error.to_string().starts_with("KEYBEARER_NAME: expected a name"), "{error}");
    }
}
