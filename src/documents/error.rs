use crate::exit::Exit;
use crate::files::{Refusal, Unwritten, quoted};
use crate::schema::NotAKeyList;
use crate::secrets::Name;
use crate::sources;
use crate::stores;

/// Why a document was not read or not written. No variant holds a value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not every source of secrets can be written.
    #[error("keys cannot be written to {source_kind}: {why}; {mend}")]
    Unwritable { source_kind: String, why: &'static str, mend: &'static str },
    #[error(
        "{from}: {site} is renamed from '{name}', which no env file can hold; choose a name of letters, digits and '_'"
    )]
    NoVariableName { from: String, site: Name, name: String },
    #[error("{from}: {name} stands for two things; give each its own name: rename = {{ ... }}")]
    Shared { from: String, name: String },
    #[error(transparent)]
    Unread(#[from] Refusal),
    #[error(transparent)]
    Source(#[from] sources::Error),
    #[error("{from} holds no {name}, or an empty one; put a key there: keybearer key")]
    NoKey { from: String, name: String },
    #[error("{from}: {name} {error}")]
    NoKeyList { from: String, name: String, error: NotAKeyList },
    #[error(
        "{from}: {name} is not what rotate wrote; restore it, or take it out: the times that old keys may go are lost then"
    )]
    NoRecord { from: String, name: String },
    #[error(
        "{from}: a {name} written there would not be read as that alone; give it a name of its own there: rename = {{ {name} = \"...\" }}"
    )]
    Misread { from: String, name: Name },
    #[error("{from} gives no variable yet; write a first one into it")]
    Empty { from: String },
    #[error("{from} was changed by something else meanwhile; run it again")]
    Conflict { from: String },
    #[error(transparent)]
    Store(stores::Error),
    /// A write was sent, and nobody knows what came of it.
    #[error(transparent)]
    Unanswered(Box<stores::Error>),
    #[error(
        "{from}: {name} is on lines {}; only the last counts: take the others out",
        numbers(lines)
    )]
    Duplicate { from: String, name: Name, lines: Vec<usize> },
    #[error(
        "{from}: {name} cannot hold a key with a comma, white space around it or nothing in it; for a comma set [keys] encoding = \"json\", else make another: keybearer key"
    )]
    NoItem { from: String, name: String },
    #[error(
        "{from}: {name} would not be read back as it is to be written; make another key: keybearer key"
    )]
    NotReadBack { from: String, name: String },
    #[error(transparent)]
    Unwritten(Unwritten),
}

impl Error {
    /// Of a write to a store.
    pub(super) fn of_write(error: stores::Error, from: impl FnOnce() -> String) -> Error {
        match error.exit() {
            _ if error.is_conflict() => Error::Conflict { from: from() },
            Exit::Unreachable => Error::Unanswered(Box::new(error)),
            _ => Error::Store(error),
        }
    }

    pub(super) fn unwritten(error: Unwritten) -> Error {
        match error {
            Unwritten::Changed { path } => Error::Conflict { from: quoted(&path) },
            error => Error::Unwritten(error),
        }
    }

    pub fn exit(&self) -> Exit {
        match self {
            Error::Unread(refusal) => refusal.exit(),
            Error::Source(error) => error.exit(),
            Error::Store(error) => error.exit(),
            Error::Unanswered(error) => error.exit(),
            Error::Unwritten(error) => error.exit(),
            Error::Conflict { .. } | Error::NotReadBack { .. } => Exit::Failure,
            Error::Unwritable { .. }
            | Error::NoVariableName { .. }
            | Error::Shared { .. }
            | Error::NoKey { .. }
            | Error::NoKeyList { .. }
            | Error::NoRecord { .. }
            | Error::Duplicate { .. }
            | Error::NoItem { .. }
            | Error::Misread { .. }
            | Error::Empty { .. } => Exit::Config,
        }
    }
}

fn numbers(lines: &[usize]) -> String {
    let lines: Vec<String> = lines.iter().map(usize::to_string).collect();
    match lines.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
        None => String::new(),
    }
}
