use crate::exit::Exit;
use crate::moment::Moment;
use crate::secrets::Fingerprint;

/// The document does not allow the step as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(
        "key {key} is staged already{}; promote it or abort it: \
         keybearer rotate promote, keybearer rotate abort", since(*.at)
    )]
    Staged { key: Fingerprint, at: Option<Moment> },
    #[error("no key is staged; run: keybearer rotate prepare")]
    NothingStaged,
    #[error("the staged key {key} was revoked; run: keybearer rotate abort")]
    Revoked { key: Fingerprint },
    #[error("key {key} is not new: the document has it, or revoked it; run the step again")]
    NotNew { key: Fingerprint },
}

impl Refused {
    pub fn exit(&self) -> Exit {
        Exit::Failure
    }
}

fn since(at: Option<Moment>) -> String {
    at.map(|at| format!(" since {at}")).unwrap_or_default()
}
