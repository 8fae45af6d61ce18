use std::time::Instant;

use super::asker::Asker;
use crate::control::Request;
use crate::environment::KeyInUse;

/// `on-hup = "generate"`: the whole rotation, in two rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cycle {
    pub stage: Stage,
    pub begun: Instant,
    pub key_before: Option<KeyInUse>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// A new key is in the document, to be verified.
    Staged,
    /// It signs in the document, and everybody here verifies it.
    Promoted,
}

/// A HUP, or what says the same; who has written the document wants it taken over as it is.
pub(super) fn wants_a_key(asker: &Asker) -> bool {
    match asker {
        Asker::Signal(_) => true,
        Asker::Peer { request, .. } => *request == Request::Reload,
        Asker::Watch | Asker::Lease | Asker::Stale => false,
    }
}
