use std::fmt;

use crate::supervise::Arrival;

/// Who wants the secrets looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    Signal(Arrival),
}

impl fmt::Display for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asker::Signal(arrival) => write!(f, "{arrival}"),
        }
    }
}

/// All of them, for one line.
pub(super) fn shown(askers: &[Asker]) -> String {
    let mut names: Vec<String> = askers.iter().map(Asker::to_string).collect();
    names.dedup();
    names.truncate(4);
    let more = askers.len().saturating_sub(names.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}
