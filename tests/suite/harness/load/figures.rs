use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{Fault, Kind};

/// What a load has seen.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Good answers.
    pub answered: BTreeMap<Kind, u64>,
    pub failures: Vec<Failure>,
    /// Requests on a connection that had answered before and was closed while they were under way.
    /// They were sent once more, as RFC 9112 9.3.1 allows.
    pub raced: u64,
    /// Kept-alive connections that the server closed between two requests, in sight of the client.
    pub closed_between: u64,
    /// The longest from a request until the first byte of its answer, and whose it was.
    pub longest: Option<(Duration, Kind)>,
    /// How many answers came from each master.
    pub masters: BTreeMap<u32, u64>,
    /// Users who found themselves logged out, or what they had got signed worthless.
    pub losses: Vec<Loss>,
}

#[derive(Clone, Debug)]
pub struct Failure {
    /// Since the load began.
    pub at: Duration,
    pub kind: Kind,
    pub fault: Fault,
}

#[derive(Clone, Debug)]
pub struct Loss {
    pub at: Duration,
    pub user: String,
    pub what: &'static str,
    /// Who answered so.
    pub master: Option<u32>,
}

impl Figures {
    /// All of it in one line.
    pub fn sums(&self) -> String {
        let kinds: Vec<_> = self.answered.iter().map(|(k, n)| format!("{n} {k}")).collect();
        let asked = self.all_answered() + self.failures.len() as u64;
        let mut parts = vec![
            format!("{} of {asked} failed ({})", self.failures.len(), kinds.join(", ")),
            format!("{} raced, {} closed between requests", self.raced, self.closed_between),
            format!("{} masters answered", self.masters.len()),
        ];
        if let Some((longest, kind)) = self.longest {
            parts.push(format!("longest wait {} ms ({kind})", longest.as_millis()));
        }
        if self.answered.contains_key(&Kind::User) {
            parts.push(format!("{} lost", self.losses.len()));
        }
        parts.join("; ")
    }

    pub fn all_answered(&self) -> u64 {
        self.answered.values().sum()
    }

    /// No request failed, in any kind of connection.
    #[track_caller]
    pub fn expect_none_failed(&self) -> &Figures {
        assert!(self.failures.is_empty(), "{self}");
        self
    }

    /// Nobody was logged out.
    #[track_caller]
    pub fn expect_none_lost(&self) -> &Figures {
        assert!(self.losses.is_empty(), "{self}");
        self
    }

    /// That many masters answered: what was measured was measured across them.
    #[track_caller]
    pub fn expect_masters(&self, count: usize) -> &Figures {
        assert!(self.masters.len() >= count, "{count} generations expected\n{self}");
        self
    }

    pub fn failed(&self, fault: &Fault) -> usize {
        self.failures.iter().filter(|failure| failure.fault == *fault).count()
    }
}

/// The sums, then the first of what went wrong.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sums())?;
        for Failure { at, kind, fault } in self.failures.iter().take(20) {
            write!(f, "\n  at {} ms: {kind}: {fault}", at.as_millis())?;
        }
        for Loss { at, user, what, master } in self.losses.iter().take(20) {
            write!(f, "\n  at {} ms: {user}: {what}, said {master:?}", at.as_millis())?;
        }
        let more = self.failures.len().saturating_sub(20) + self.losses.len().saturating_sub(20);
        if more > 0 { write!(f, "\n  and {more} more") } else { Ok(()) }
    }
}
