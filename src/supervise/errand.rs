/// What a helper was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// For this round.
    Fetch,
    /// Whether a round is worth it.
    Look,
    /// The document that carried keys go into, and then to write them.
    ReadDocument,
    WriteDocument,
    Renew,
    Revoke,
}

impl Errand {
    /// While the server drains: it changes something in the store that outlives keybearer.
    pub(super) fn is_worth_finishing(self) -> bool {
        match self {
            Errand::WriteDocument | Errand::Revoke => true,
            Errand::Fetch | Errand::Look | Errand::ReadDocument | Errand::Renew => false,
        }
    }
}
