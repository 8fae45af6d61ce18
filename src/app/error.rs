use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::account::AccountError;
use crate::exit::Exit;
use crate::launch::{LaunchError, SocketError};
use crate::moment::Moment;
use crate::secrets::NoRandomness;
use crate::sys::Ending;
use crate::{config, control, documents, files, instance, keyring, schema, sources, stores};

/// What can end a command, and with which exit code. Printed once, by `main`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Config(#[from] config::Error),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    SchemaFile(#[from] files::Refusal),
    #[error("'{}' is not UTF-8 text; write it as such", .0.display())]
    NotText(PathBuf),
    #[error(transparent)]
    Schema(#[from] schema::Error),
    #[error(transparent)]
    Source(#[from] sources::Error),
    #[error(transparent)]
    Stores(stores::Error),
    #[error("{why}\nnothing has changed beside that; what runs is STALE since {since}")]
    Stale { since: Moment, why: String },
    #[error(transparent)]
    Secrets(#[from] schema::Report),
    #[error(transparent)]
    Instance(#[from] instance::Error),
    #[error(transparent)]
    Document(#[from] documents::Error),
    #[error("cannot write the key's document: {0}")]
    NotWritable(String),
    #[error("not making a new key: {} the same document, and all must know it before one signs with it; run: keybearer rotate", users(.0))]
    SharedDocument(Vec<String>),
    #[error("on-hup = \"generate\" in [keys] needs a key, and the sources give none")]
    NoKey,
    #[error(transparent)]
    Keyring(#[from] keyring::Refused),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error("refusing the command: {0}")]
    Command(String),
    #[error("{what} failed with {ending}; nothing was started")]
    Gate { what: String, ending: Ending },
    #[error("not ready within {within:?}{}; stopped it", because(.last))]
    NotReady { within: Duration, last: Option<String> },
    #[error("cannot open a private socket to know when the server is ready ({0})")]
    Private(String),
    #[error("neither the new nor the old environment lives; ending")]
    NotBack,
    #[error(
        "not trying again what the server did not start with; change it, or run: keybearer reload"
    )]
    InVain,
    #[error("asked to end by {0} before the site was started")]
    Interrupted(Signal),
    #[error("{what}: {error}")]
    Kernel { what: &'static str, error: io::Error },
    #[error(transparent)]
    Init(#[from] super::init::Error),
    #[error(transparent)]
    Key(#[from] super::key::Error),
    #[error(transparent)]
    Output(#[from] super::output::Unwritable),
    #[error(transparent)]
    Control(#[from] control::Error),
    #[error("no instance runs here; start one: keybearer run, or ask as the user that it runs as")]
    NoInstance,
    #[error("several instances run: {}; name one", .0.join(", "))]
    SeveralInstances(Vec<String>),
    #[error(transparent)]
    Rotate(#[from] super::rotate::Error),
    /// An instance's own words, and its code.
    #[error("{message}")]
    Answered { code: u8, message: String },
}

/// A signal ends a command in the same words wherever it comes.
impl From<stores::Error> for Error {
    fn from(error: stores::Error) -> Error {
        match error {
            stores::Error::Interrupted(signal) => Error::Interrupted(signal),
            error => Error::Stores(error),
        }
    }
}

impl Error {
    pub fn code(&self) -> u8 {
        match self {
            Error::Config(error) => error.exit().code(),
            Error::Account(error) => error.exit().code(),
            Error::SchemaFile(error) => error.exit().code(),
            Error::Schema(error) => error.exit().code(),
            Error::Source(error) => error.exit().code(),
            Error::Stores(error) => error.exit().code(),
            Error::Secrets(report) => report.exit().code(),
            Error::Instance(error) => error.exit().code(),
            Error::Document(error) => error.exit().code(),
            Error::Keyring(error) => error.exit().code(),
            Error::NoRandomness(error) => error.exit().code(),
            Error::Launch(error) => error.exit().code(),
            Error::Socket(error) => error.exit().code(),
            Error::Init(error) => error.exit().code(),
            Error::Key(error) => error.exit().code(),
            Error::Output(error) => error.exit().code(),
            Error::Control(error) => error.exit().code(),
            Error::Rotate(error) => error.code(),
            Error::Stale { .. } => Exit::Unreachable.code(),
            Error::NoInstance => Exit::Unavailable.code(),
            Error::SeveralInstances(_) => Exit::Usage.code(),
            Error::Answered { code, .. } => *code,
            Error::Command(_) | Error::NotText(_) | Error::NotWritable(_) | Error::NoKey => {
                Exit::Config.code()
            }
            Error::SharedDocument(_)
            | Error::Gate { .. }
            | Error::NotReady { .. }
            | Error::Private(_)
            | Error::NotBack
            | Error::InVain => Exit::Failure.code(),
            Error::Interrupted(signal) => Ending::Signal(*signal as i32).exit_code(),
            Error::Kernel { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
                Exit::Refused.code()
            }
            // Too many files, no memory: another try may find it otherwise.
            Error::Kernel { .. } => Exit::Failure.code(),
        }
    }
}

fn because(last: &Option<String>) -> String {
    last.as_ref().map(|last| format!(" (last: {last})")).unwrap_or_default()
}

fn users(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    match &shown[..] {
        [one] => format!("instance {one} uses"),
        several => format!("instances {} use", several.join(", ")),
    }
}
