use std::path::PathBuf;

use crate::config::VaultMethod;
use crate::exit::Exit;
use crate::files::{self, quoted};

/// Why the helper cannot be given what it takes to ask a store.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error("{remote}: {refusal}")]
    File { remote: String, refusal: files::Refusal },
    #[error("{remote}: {} is empty; write the {what} into it", quoted(path))]
    Empty { remote: String, path: PathBuf, what: &'static str },
    #[error("{remote}: {} holds no {what}: it must be {form}", quoted(path))]
    Form { remote: String, path: PathBuf, what: &'static str, form: &'static str },
    #[error(
        "{remote}: no VAULT_TOKEN in the environment; set it, or give its [[source]] auth = {{ method = ... }}, one of {}",
        other_methods()
    )]
    NoToken { remote: String },
    #[error("{remote}: VAULT_TOKEN is no token: it must be one line of ASCII")]
    NotAToken { remote: String },
    #[error("{remote}: {variable} is not {form}")]
    Variable { remote: String, variable: &'static str, form: &'static str },
}

fn other_methods() -> String {
    let words: Vec<&str> = VaultMethod::WORDS
        .iter()
        .filter(|(_, method)| *method != VaultMethod::Token)
        .map(|(word, _)| *word)
        .collect();
    words.join(", ")
}

impl CredentialError {
    pub fn exit(&self) -> Exit {
        match self {
            CredentialError::File { refusal, .. } => refusal.exit(),
            CredentialError::Empty { .. }
            | CredentialError::Form { .. }
            | CredentialError::NoToken { .. }
            | CredentialError::NotAToken { .. }
            | CredentialError::Variable { .. } => Exit::Config,
        }
    }
}
