use std::str::FromStr;
use std::time::Duration;

use nix::unistd::Pid;
use serde_json::{Map, Value};

use crate::log;

/// What came is no answer of this version: the field that is missing, or of another type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// The fields of one JSON object. Those that are not asked for belong to a later version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub fn of(value: &'a Value) -> Option<Fields<'a>> {
        value.as_object().map(Fields)
    }

    /// It must be there.
    pub fn get<T>(
        self,
        name: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<T, Malformed> {
        self.0.get(name).and_then(read).ok_or(Malformed(name))
    }

    /// It may be null or missing.
    pub fn maybe<T>(
        self,
        name: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Malformed> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value).map(Some).ok_or(Malformed(name)),
        }
    }

    /// An object of its own, whose faults are told by its own fields.
    pub fn object<T>(
        self,
        name: &'static str,
        read: impl Fn(Fields<'a>) -> Result<T, Malformed>,
    ) -> Result<T, Malformed> {
        read(self.get(name, Fields::of)?)
    }

    pub fn maybe_object<T>(
        self,
        name: &'static str,
        read: impl Fn(Fields<'a>) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        self.maybe(name, Fields::of)?.map(read).transpose()
    }

    pub fn list<T>(
        self,
        name: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Vec<T>, Malformed> {
        let items = self.get(name, Value::as_array)?;
        items.iter().map(|item| read(item).ok_or(Malformed(name))).collect()
    }

    pub fn objects<T>(
        self,
        name: &'static str,
        read: impl Fn(Fields<'a>) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        self.list(name, Fields::of)?.into_iter().map(read).collect()
    }
}

/// Whoever sent it, it goes to a terminal or a log.
pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().map(log::printable)
}

/// A word, a moment, a fingerprint.
pub(super) fn word<T: FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}

pub(super) fn pid(value: &Value) -> Option<Pid> {
    let pid = i32::try_from(value.as_i64()?).ok()?;
    (pid > 0).then(|| Pid::from_raw(pid))
}

pub(super) fn seconds(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_f64()?).ok()
}

/// To the millisecond, so that it is read back as it was.
pub(super) fn in_seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1_000.0
}

/// What somebody sent, for a message of one line.
pub(super) fn shortened(text: &str) -> String {
    let mut shown: String = log::printable(text).chars().take(40).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}
