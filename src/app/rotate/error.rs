use nix::sys::signal::Signal;
use nix::unistd::Uid;

use crate::exit::Exit;
use crate::moment::Moment;
use crate::secrets::{Fingerprint, Name};
use crate::sys::Ending;

/// Why a rotation was refused, or was not done to its end. No variant holds a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "no instance runs here that could say what to rotate; name it: --config FILE, or --env-file PATH"
    )]
    NothingNamed,
    /// What another user's instance says is not what root writes to.
    #[error(
        "'{name}' is run by uid {owner}, who cannot say what is rotated here; name it: --config FILE, or --env-file PATH, or run this as that user"
    )]
    NotOurs { name: String, owner: Uid },
    #[error(
        "'{name}' does not say what its secrets are read from; name it: --config FILE, or --env-file PATH"
    )]
    Untold { name: String },
    #[error("the sources give no key that could be rotated; put a SECRET_KEY into an env file")]
    NoKey,
    #[error(
        "{fallbacks} comes from {other} and {current} from {place}, and both are written to {place}; move {fallbacks} there"
    )]
    Apart { current: Name, fallbacks: Name, place: String, other: String },
    #[error("{schema} refuses every key that keybearer makes: {objection}")]
    NoNewKey { schema: String, objection: String },
    /// Whole already, with its mend.
    #[error("{0}\nto rotate all the same: keybearer rotate --blind")]
    NotRead(String),
    #[error(
        "{name} is a key, or belongs to one; to rotate that: keybearer rotate, without --value"
    )]
    IsKey { name: Name },
    #[error(
        "{schema} does not say how {name} is made; write there: [{name}] type = \"string\", generate = {{ length = 24 }}"
    )]
    NotGenerated { name: Name, schema: String },
    #[error(
        "{name} comes from {from}, where keybearer cannot write it so that it is read back; keep it in an env file or a store, and see prefix, only and rename there"
    )]
    NotWritable { name: Name, from: String },
    #[error(
        "{error}\nwhether a new {name} was written is not known; where it was, take it over: keybearer reload"
    )]
    Unanswered { name: Name, error: String },
    #[error(
        "{error}\nit is not known whether this was written: {what}; look before you run it again: keybearer rotate --dry-run"
    )]
    Doubtful { what: String, error: String },
    #[error("no source could hold {name}; give an env file or a store that lets it in")]
    NowhereToWrite { name: Name },
    #[error(
        "instance '{name}' runs key {runs}, {place} has {current}; run: keybearer reload {name}"
    )]
    OtherKey { name: String, runs: Fingerprint, place: String, current: Fingerprint },
    #[error(
        "the staged key {key} may sign from {at} on, when every host has had the time to take it over; before that: keybearer rotate promote --now"
    )]
    NotDue { key: Fingerprint, at: Moment },
    #[error(
        "nobody can tell when every host has taken over the staged key {key}, since no [watch] every is set; when they have: keybearer rotate promote --now"
    )]
    NeverDue { key: Fingerprint },
    #[error("{place} was changed by something else in the meantime; {written}; run it again")]
    Changed { place: String, written: &'static str },
    /// The document is written, and not everybody runs it.
    #[error("{0}")]
    NotTaken(NotTaken),
    #[error("told to end by {signal}; {standing}")]
    Interrupted { signal: Signal, standing: String },
}

/// Who has not taken the document over, and how it stands now.
#[derive(Debug)]
pub struct NotTaken {
    pub standing: String,
    pub taken: Vec<String>,
    /// At least one.
    pub failed: Vec<Failed>,
    pub mend: Mend,
}

/// How to go on, once what is wrong with the instance has been mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mend {
    /// It goes on from what is written.
    Rotate,
    /// All that is left of a step that was asked for alone.
    Reload,
}

#[derive(Debug)]
pub struct Failed {
    pub name: String,
    /// Never 0.
    pub code: u8,
    /// One line an error.
    pub message: String,
}

impl Error {
    pub fn code(&self) -> u8 {
        match self {
            Error::NothingNamed => Exit::Unavailable.code(),
            Error::NotOurs { .. } | Error::Untold { .. } => Exit::Usage.code(),
            Error::NoKey
            | Error::Apart { .. }
            | Error::NoNewKey { .. }
            | Error::NotRead(_)
            | Error::IsKey { .. }
            | Error::NotGenerated { .. }
            | Error::NotWritable { .. }
            | Error::NowhereToWrite { .. } => Exit::Config.code(),
            Error::Unanswered { .. } | Error::Doubtful { .. } => Exit::Unreachable.code(),
            Error::OtherKey { .. }
            | Error::NotDue { .. }
            | Error::NeverDue { .. }
            | Error::Changed { .. } => Exit::Failure.code(),
            Error::NotTaken(not_taken) => {
                not_taken.failed.first().map_or(Exit::Failure.code(), |failed| failed.code)
            }
            Error::Interrupted { signal, .. } => Ending::Signal(*signal as i32).exit_code(),
        }
    }
}

/// One line, unless an instance's own words are several.
impl std::fmt::Display for NotTaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; ", self.standing)?;
        if !self.taken.is_empty() {
            write!(f, "taken over by {}; ", self.taken.join(", "))?;
        }
        for Failed { name, message, .. } in &self.failed {
            match message.contains('\n') {
                false => write!(f, "instance '{name}' did not take it over: {message}; ")?,
                true => write!(f, "instance '{name}' did not take it over:\n{message}\n")?,
            }
        }
        match (self.mend, self.failed.as_slice()) {
            (Mend::Reload, [only]) => {
                write!(f, "mend that and run: keybearer reload {}", only.name)
            }
            (Mend::Reload, _) => f.write_str("mend that and run for each: keybearer reload NAME"),
            (Mend::Rotate, _) => f.write_str("mend that and run: keybearer rotate"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(name: &str, message: &str) -> Failed {
        Failed { name: name.to_owned(), code: 75, message: message.to_owned() }
    }

    #[test]
    fn who_has_not_taken_it_over() {
        let mut not_taken = NotTaken {
            standing: "'/a.env' holds the staged key 0a1b2c3d".to_owned(),
            taken: Vec::new(),
            failed: vec![failed("web", "not ready within 60s")],
            mend: Mend::Rotate,
        };
        assert_eq!(
            not_taken.to_string(),
            "'/a.env' holds the staged key 0a1b2c3d; instance 'web' did not take it over: not ready \
             within 60s; mend that and run: keybearer rotate"
        );
        not_taken.mend = Mend::Reload;
        assert!(not_taken.to_string().ends_with("; mend that and run: keybearer reload web"));
        not_taken.taken = vec!["'api'".to_owned(), "'beat'".to_owned()];
        not_taken.failed.push(failed("worker", "A: is bad\nB: is bad"));
        assert_eq!(
            not_taken.to_string(),
            "'/a.env' holds the staged key 0a1b2c3d; taken over by 'api', 'beat'; instance 'web' did \
             not take it over: not ready within 60s; instance 'worker' did not take it over:\n\
             A: is bad\nB: is bad\nmend that and run for each: keybearer reload NAME"
        );
        assert_eq!(Error::NotTaken(not_taken).code(), 75);
    }
}
