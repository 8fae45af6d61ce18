//! Whether the settings read their fallbacks. Without that the most careful rotation logs everybody
//! out.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::error::Error;
use super::gates::{self, Gate};
use crate::account::Account;
use crate::config::{Encoding, Settings};
use crate::environment::Environment;
use crate::keyring::Keys;
use crate::secrets::{Name, Secret};
use crate::supervise::Signals;
use crate::sys::Ending;

/// Django says security.W025 about a weak fallback, and only where the settings read the variable: so
/// it is given one that is nothing but weak. What it prints stays here. None: there is no `manage` to
/// ask, or no key.
pub fn are_read(
    settings: &Settings,
    account: &Account,
    environment: &Environment,
    signals: &Signals,
) -> Result<Option<bool>, Error> {
    const CANARY: &str = "django-insecure-keybearer-asks-whether-fallbacks-are-read";
    const MOST: u64 = 1 << 20;
    let (Some(manage), Some(keys)) = (&settings.manage, environment.keys()) else {
        return Ok(None);
    };
    let weak =
        Keys { current: keys.current.duplicate(), fallbacks: vec![Secret::new(CANARY.to_owned())] };
    let gate = Gate { what: "the fallbacks check".to_owned(), ..gates::deploy(manage) };
    let memory = memfd_create(c"keybearer-check", MFdFlags::MFD_CLOEXEC).map_err(|error| {
        Error::Kernel { what: "cannot make a memory file", error: error.into() }
    })?;
    let mut output = File::from(memory);
    let canary = environment.with_keys(weak);
    let end = gates::run_to_end(settings, account, &canary, signals, &gate, Some(output.as_fd()))?;
    match (end.ending, end.interrupted_by) {
        (_, Some(signal)) => return Err(Error::Interrupted(signal)),
        (Ending::Code(0), _) => {}
        // If it succeeds with the fallbacks as they are, the settings have seen these.
        (Ending::Code(_), _) => {
            return succeeds(settings, account, environment, signals, manage).map(Some);
        }
        (ending, _) => return Err(Error::Gate { what: gate.what, ending }),
    }
    let mut text = Vec::new();
    output
        .rewind()
        .and_then(|()| output.take(MOST).read_to_end(&mut text))
        .map_err(|error| Error::Kernel { what: "cannot read what the check printed", error })?;
    let sign = b"security.W025";
    Ok(Some(text.windows(sign.len()).any(|window| window == sign)))
}

/// True, or why `check --deploy` fails whatever the fallbacks are: then nobody knows.
fn succeeds(
    settings: &Settings,
    account: &Account,
    environment: &Environment,
    signals: &Signals,
    manage: &[OsString],
) -> Result<bool, Error> {
    let gate = gates::deploy(manage);
    // Whoever asked prints something else on standard output.
    let output = io::stderr();
    let end =
        gates::run_to_end(settings, account, environment, signals, &gate, Some(output.as_fd()))?;
    gates::verdict(&gate, end).map(|()| true)
}

/// What to say where they are not read, with the line that mends it.
pub fn not_read(settings: &Settings, name: &Name) -> String {
    let line = match settings.keys.encoding {
        Encoding::Comma => format!("SECRET_KEY_FALLBACKS = os.environ[\"{name}\"].split(\",\")"),
        Encoding::Json => format!("SECRET_KEY_FALLBACKS = json.loads(os.environ[\"{name}\"])"),
    };
    format!(
        "the settings do not read {name}, so a new key would log everybody out; add to them: {line}"
    )
}
