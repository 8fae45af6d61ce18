use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::exit::Exit;
use crate::files::{self, quoted};
use crate::secrets::Name;

use super::env_file::SyntaxError;

/// Why the sources gave nothing. No variant holds a value or a line of a file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    File(#[from] files::Refusal),
    #[error("{}", syntax(path, errors))]
    Syntax { path: PathBuf, errors: Vec<SyntaxError> },
    #[error("{from} holds no '{}'", name.escape_debug())]
    NotHeld { from: String, name: String },
    #[error(
        "{from} holds '{name}', which is no variable name; give it one with rename = {{ NAME = \"{name}\" }}, or leave it out with only = [...]"
    )]
    NoVariableName { from: String, name: String },
    #[error("{from}: the name of {path} is not UTF-8; run: mv {word} NAME")]
    FileName { from: String, path: String, word: String },
    #[error("{from}: {name} holds a NUL byte, which no environment variable can carry")]
    NulByte { from: String, name: Name },
    #[error(
        "{from}: {name} is not valid UTF-8; encode it (base64, for instance) where it is written"
    )]
    NotUtf8 { from: String, name: Name },
    #[error(
        "{from}: {name} is {size} bytes long with its name, and the kernel takes {limit} (execve(2)); keep it in a file and name that instead"
    )]
    TooLarge { from: String, name: Name, size: usize, limit: usize },
    #[error(
        "no CREDENTIALS_DIRECTORY: the source systemd-credentials needs LoadCredential= or SetCredential= in the unit"
    )]
    NoCredentials,
    #[error(
        "{from} printed no JSON object; have it print one, or an env file with format = \"env\""
    )]
    NoObject { from: String },
    #[error("{from} printed {name} twice; have it print one of them")]
    Twice { from: String, name: String },
    #[error(
        "{from} printed a string for {name} that is no text (an escape such as \\ud800 stands for no character); have it encoded (base64, for instance)"
    )]
    NoText { from: String, name: String },
    #[error("{}", printed(from, errors))]
    Printed { from: String, errors: Vec<SyntaxError> },
    #[error("{0}: it was not asked")]
    NotAsked(String),
}

impl Error {
    pub fn exit(&self) -> Exit {
        match self {
            Error::File(refusal) => refusal.exit(),
            Error::NotAsked(_) => Exit::Unreachable,
            Error::Syntax { .. }
            | Error::NotHeld { .. }
            | Error::NoVariableName { .. }
            | Error::FileName { .. }
            | Error::NulByte { .. }
            | Error::NotUtf8 { .. }
            | Error::TooLarge { .. }
            | Error::NoCredentials
            | Error::NoObject { .. }
            | Error::Twice { .. }
            | Error::NoText { .. }
            | Error::Printed { .. } => Exit::Config,
        }
    }
}

/// Of what a command prints the first is enough: nobody has the lines before him.
fn printed(from: &str, errors: &[SyntaxError]) -> String {
    let Some(error) = errors.first() else { return format!("{from} printed no env file") };
    let (line, column) = (error.line, error.column);
    // The mends are for a file.
    let problem = error.problem.describe(Path::new(""));
    let problem = problem.split("; ").next().unwrap_or_default();
    format!(
        "{from} printed no env file: line {line}, column {column}: {problem}; have it print NAME=value lines, or a JSON object with format = \"json\""
    )
}

/// One line for each error, as long as anybody would read them.
fn syntax(path: &Path, errors: &[SyntaxError]) -> String {
    const MOST: usize = 20;
    let mut lines = String::new();
    for (index, error) in errors.iter().take(MOST).enumerate() {
        let start = if index == 0 { "" } else { "\n" };
        let (line, column) = (error.line, error.column);
        let problem = error.problem.describe(path);
        // Writing to a String cannot fail.
        let _ = write!(lines, "{start}{}:{line}:{column}: {problem}", quoted(path));
    }
    if errors.len() > MOST {
        let _ = write!(lines, "\n{}: and {} more", quoted(path), errors.len() - MOST);
    }
    lines
}
