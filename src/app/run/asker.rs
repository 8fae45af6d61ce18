use std::fmt;

use crate::control::{Peer, Request, Ticket};
use crate::supervise::Arrival;

/// Who wants the secrets looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    Signal(Arrival),
    /// On the control socket, where the answer goes.
    Peer {
        ticket: Ticket,
        request: Request,
        peer: Peer,
    },
    Watch,
    /// Credentials end.
    Lease,
    /// A store was away.
    Stale,
}

impl Asker {
    pub fn ticket(&self) -> Option<Ticket> {
        match self {
            Asker::Peer { ticket, .. } => Some(*ticket),
            Asker::Signal(_) | Asker::Watch | Asker::Lease | Asker::Stale => None,
        }
    }

    /// A person or a program that wants to hear of it, and not the clock.
    pub fn is_somebody(&self) -> bool {
        match self {
            Asker::Signal(_) | Asker::Peer { .. } => true,
            Asker::Watch | Asker::Lease | Asker::Stale => false,
        }
    }
}

impl fmt::Display for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asker::Signal(arrival) => write!(f, "{arrival}"),
            Asker::Peer { request, peer, .. } => {
                write!(f, "{} from pid {}, uid {}", request.command(), peer.pid, peer.uid)
            }
            Asker::Watch => f.write_str("watch"),
            Asker::Lease => f.write_str("a lease that ends"),
            Asker::Stale => f.write_str("a store that was away"),
        }
    }
}

/// All of them, for one line.
pub(super) fn shown(askers: &[Asker]) -> String {
    const MOST: usize = 4;
    let mut names: Vec<String> = askers.iter().map(Asker::to_string).collect();
    names.dedup();
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}
