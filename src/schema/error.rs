use std::path::PathBuf;

use crate::exit::Exit;
use crate::log::printable;

/// The schema file cannot be used. Its words are shown, what they are set to is not: a secret may
/// have been put there by mistake. A word may hold anything, so it is made fit for one line.
#[derive(Debug, thiserror::Error)]
#[error("'{}':{line}:{column}: {}", .file.display(), printable(&.problem.to_string()))]
pub struct Error {
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
    #[source]
    pub problem: Problem,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("not valid TOML: {message}")]
    Syntax { message: String },
    #[error("unknown word '{word}'; {hint}")]
    UnknownWord { word: String, hint: String },
    #[error("unknown {what}; {hint}")]
    UnknownChoice { what: &'static str, hint: String },
    #[error("'{word}' means nothing for the type '{kind}'; take it out")]
    Misplaced { word: String, kind: &'static str },
    #[error("expected {wanted}, found {found}")]
    Unexpected { wanted: &'static str, found: &'static str },
    #[error("'{word}' is missing; {hint}")]
    Missing { word: &'static str, hint: String },
    #[error("'{name}' is no table; a schema holds rules, not values: write [{name}]")]
    NotATable { name: String },
    #[error("'{name}' is no variable name: letters, digits and '_', no digit first{hint}")]
    NotAName { name: String, hint: String },
    #[error("'{name}' is keybearer's own name and never reaches the site; take it out")]
    OwnName { name: String },
    #[error("the pattern is no regular expression: {message}")]
    Pattern { message: String },
    #[error("the {word} breaks the variable's own rule: {problem}; {mend}")]
    BreaksOwnRule { word: &'static str, problem: String, mend: String },
    #[error("{problem}")]
    Contradiction { problem: &'static str },
}

impl Error {
    pub fn exit(&self) -> Exit {
        Exit::Config
    }
}
