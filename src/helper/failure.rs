use crate::exit::Exit;
use crate::secrets::Secret;

/// Why one source gave nothing, in one line that the helper made: what it names is the store, the secret,
/// the cause and the mend, and never what the store said beside that.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: Kind,
    /// Lower case, no full stop, no control character.
    pub message: String,
    /// For the next helper: what was to be had only once is not lost with the rest.
    pub state: Option<Secret>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Trying again may help.
    Unreachable,
    /// The store said no.
    Refused,
    /// Nothing is there under that name, or it is not what was expected.
    Wrong,
    /// Somebody else has written it meanwhile.
    Conflict,
    /// It came to nothing, and why cannot be told from outside.
    Failed,
}

impl Kind {
    pub fn exit(self) -> Exit {
        match self {
            Kind::Unreachable => Exit::Unreachable,
            Kind::Refused => Exit::Refused,
            Kind::Wrong => Exit::Config,
            Kind::Conflict | Kind::Failed => Exit::Failure,
        }
    }
}

impl Failure {
    /// Whatever is in the text, it is one line.
    pub fn new(kind: Kind, message: impl Into<String>) -> Failure {
        let message: String = message.into();
        let message = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Failure { kind, message, state: None }
    }

    /// To be said once more. What it leaves is left once.
    pub fn again(&self) -> Failure {
        Failure { kind: self.kind, message: self.message.clone(), state: None }
    }

    pub fn leaving(self, state: Option<Secret>) -> Failure {
        Failure { state, ..self }
    }
}
