use std::ffi::OsString;
use std::path::PathBuf;

use crate::log;

use super::{AccountSpec, Address, SchemaChoice};

/// What the command line says, or the variables: it stands before the config file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    pub config: Option<PathBuf>,
    pub name: Option<String>,
    /// In the order given, across the kinds.
    pub sources: Vec<SourceOption>,
    pub schema: Option<SchemaChoice>,
    pub user: Option<AccountSpec>,
    pub listen: Vec<Address>,
    pub ready_path: Option<String>,
    pub log_format: Option<log::Format>,
    /// How many `-v`; one is as loud as it gets.
    pub verbose: u8,
    pub quiet: bool,
    /// From the command line only.
    pub command: Vec<OsString>,
}

/// One `--env-file`, `--aws-secret` or `--vault`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceOption {
    EnvFile(PathBuf),
    AwsSecret(String),
    Vault { mount: String, path: String },
}

impl Overrides {
    /// These, and where they say nothing, the others. A list replaces a list.
    pub(super) fn over(self, others: Overrides) -> Overrides {
        let loudness_given = self.verbose > 0 || self.quiet;
        Overrides {
            config: self.config.or(others.config),
            name: self.name.or(others.name),
            sources: if self.sources.is_empty() { others.sources } else { self.sources },
            schema: self.schema.or(others.schema),
            user: self.user.or(others.user),
            listen: if self.listen.is_empty() { others.listen } else { self.listen },
            ready_path: self.ready_path.or(others.ready_path),
            log_format: self.log_format.or(others.log_format),
            verbose: if loudness_given { self.verbose } else { others.verbose },
            quiet: if loudness_given { self.quiet } else { others.quiet },
            command: if self.command.is_empty() { others.command } else { self.command },
        }
    }

    pub(super) fn log(&self) -> log::Settings {
        let level = match (self.verbose, self.quiet) {
            (0, false) => log::Level::Info,
            (0, true) => log::Level::Warning,
            (_, _) => log::Level::Debug,
        };
        log::Settings { format: self.log_format.unwrap_or_default(), level }
    }
}
