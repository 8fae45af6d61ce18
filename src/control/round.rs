use std::time::Duration;

use serde_json::{Value, json};

use super::fields::{Fields, Malformed, in_seconds, seconds, text, word};
use crate::secrets::Fingerprint;

/// What became of one round: a fetch, and the hand-overs that it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundResult {
    pub outcome: Outcome,
    /// The one that serves now.
    pub generation: u64,
    /// None: the site has no key.
    pub before: Option<Fingerprint>,
    pub after: Option<Fingerprint>,
    /// One phrase a name, without its value: `DATABASE_URL changed`.
    pub changed: Vec<String>,
    pub took: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    HandedOver,
    Unchanged,
    /// What ran before runs on.
    Failed {
        /// Never 0.
        code: u8,
        /// One line an error, several separated by a line break.
        message: String,
    },
}

impl Outcome {
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::HandedOver => "handed-over",
            Outcome::Unchanged => "unchanged",
            Outcome::Failed { .. } => "failed",
        }
    }
}

impl RoundResult {
    pub(super) fn json(&self) -> Value {
        let mut round = json!({
            "outcome": self.outcome.word(),
            "generation": self.generation,
            "before": self.before.map(|key| key.to_string()),
            "after": self.after.map(|key| key.to_string()),
            "changed": self.changed,
            "seconds": in_seconds(self.took),
        });
        if let Outcome::Failed { code, message } = &self.outcome {
            round["code"] = (*code).into();
            round["message"] = message.clone().into();
        }
        round
    }

    pub(super) fn read(fields: Fields<'_>) -> Result<RoundResult, Malformed> {
        let outcome = match fields.get("outcome", Value::as_str)? {
            "handed-over" => Outcome::HandedOver,
            "unchanged" => Outcome::Unchanged,
            "failed" => Outcome::Failed {
                code: fields.get("code", failure)?,
                message: fields.get("message", lines)?,
            },
            _ => return Err(Malformed("outcome")),
        };
        Ok(RoundResult {
            outcome,
            generation: fields.get("generation", Value::as_u64)?,
            before: fields.maybe("before", word)?,
            after: fields.maybe("after", word)?,
            changed: fields.list("changed", text)?,
            took: fields.get("seconds", seconds)?,
        })
    }
}

/// An exit code that does not pass for success.
pub(super) fn failure(value: &Value) -> Option<u8> {
    u8::try_from(value.as_u64()?).ok().filter(|code| *code != 0)
}

/// An error may have several lines.
pub(super) fn lines(value: &Value) -> Option<String> {
    let lines: Vec<String> = value.as_str()?.split('\n').map(crate::log::printable).collect();
    Some(lines.join("\n"))
}
