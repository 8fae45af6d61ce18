use std::path::PathBuf;

use crate::exit::Exit;
use crate::files;

use super::Address;

/// Why there are no settings. No message holds a value that was given: it may be a misplaced
/// secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is no TOML, or holds what is no setting.
    #[error("'{}':{line}:{column}: {message}", file.display())]
    Form { file: PathBuf, line: usize, column: usize, message: String },
    #[error(transparent)]
    Unreadable(#[from] files::Refusal),
    #[error("{variable}: {message}")]
    Variable { variable: &'static str, message: &'static str },
    /// The warnings go with it: a mistyped variable may be the reason.
    #[error(
        "no source of secrets; give --env-file PATH, or a [[source]] in '{}'{}",
        config.display(),
        lines(warnings)
    )]
    NoSource { config: PathBuf, warnings: Vec<String> },
    #[error(
        "{vault}: no address of Vault; set VAULT_ADDR, or give address = \"https://...\" in its [[source]]"
    )]
    NoVaultAddress { vault: String },
    #[error("'{}': its file name makes no instance name; give --name NAME", config.display())]
    NoInstanceName { config: PathBuf },
    #[error("the address '{address}' is given twice; leave one of them out")]
    AddressTwice { address: Address },
    #[error(
        "strategy = \"pause\" in [reload] needs a socket on which requests can wait; give one with --listen, or set strategy = \"restart\""
    )]
    PauseWithoutSockets,
    #[error(
        "on-hup = \"generate\" in [keys] writes a new key, and no source is an env file that it could be written to; {mend}"
    )]
    NothingToWrite { mend: &'static str },
}

impl Error {
    pub fn exit(&self) -> Exit {
        match self {
            Error::Form { .. }
            | Error::NoSource { .. }
            | Error::NoVaultAddress { .. }
            | Error::NoInstanceName { .. }
            | Error::AddressTwice { .. }
            | Error::PauseWithoutSockets
            | Error::NothingToWrite { .. } => Exit::Config,
            Error::Unreadable(refusal) => refusal.exit(),
            Error::Variable { .. } => Exit::Usage,
        }
    }
}

fn lines(warnings: &[String]) -> String {
    warnings.iter().map(|warning| format!("\n{warning}")).collect()
}
