use serde_json::{Value, json};

use super::fields::{Fields, Malformed};
use super::round::{failure, lines};
use super::{ANSWER_LIMIT, RoundResult, Status, VERSION};
use crate::exit::Exit;

/// What an instance says to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Status(Box<Status>),
    Round(RoundResult),
    Error {
        /// For the exit of who asked; never 0.
        code: u8,
        message: String,
    },
}

impl Answer {
    pub(super) fn error(exit: Exit, message: impl std::fmt::Display) -> Answer {
        Answer::Error { code: exit.code(), message: message.to_string() }
    }

    /// One line of JSON. A longer one than is read is none.
    pub(super) fn line(&self) -> String {
        let line = self.any_line();
        if line.len() <= ANSWER_LIMIT {
            return line;
        }
        Answer::error(Exit::Failure, "the answer is longer than the control socket takes")
            .any_line()
    }

    fn any_line(&self) -> String {
        let value = match self {
            Answer::Status(status) => json!({ "version": VERSION, "status": status.fields() }),
            Answer::Round(round) => json!({ "version": VERSION, "round": round.json() }),
            Answer::Error { code, message } => {
                json!({ "version": VERSION, "error": { "code": code, "message": message } })
            }
        };
        format!("{value}\n")
    }

    /// Without its line break. All text in it can be printed.
    pub(super) fn parse(line: &[u8]) -> Result<Answer, Malformed> {
        let value: Value = serde_json::from_slice(line).map_err(|_| Malformed("JSON"))?;
        let fields = Fields::of(&value).ok_or(Malformed("JSON"))?;
        if fields.get("version", Value::as_u64)? != VERSION {
            return Err(Malformed("version"));
        }
        if let Some(status) = fields.maybe_object("status", Status::read)? {
            return Ok(Answer::Status(Box::new(status)));
        }
        if let Some(round) = fields.maybe_object("round", RoundResult::read)? {
            return Ok(Answer::Round(round));
        }
        fields.object("error", |fields| {
            Ok(Answer::Error {
                code: fields.get("code", failure)?,
                message: fields.get("message", lines)?,
            })
        })
    }
}
