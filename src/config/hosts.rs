use super::SourceKind;

/// Who reads the document that the key is in: `[keys] hosts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    /// Nobody else: what runs here is all the evidence that there is.
    One,
    Many,
}

impl Hosts {
    /// What it is for a document in this source, where nobody said.
    pub fn or_default(given: Option<Hosts>, source: &SourceKind) -> Hosts {
        given.unwrap_or(match source {
            SourceKind::EnvFile { .. }
            | SourceKind::Directory { .. }
            | SourceKind::SystemdCredentials { .. }
            | SourceKind::Environment { .. }
            | SourceKind::Command(_) => Hosts::One,
            SourceKind::Remote(_) => Hosts::Many,
        })
    }
}
