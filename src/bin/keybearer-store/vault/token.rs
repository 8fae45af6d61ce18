use std::time::{Duration, SystemTime};

use keybearer::helper::Failure;
use keybearer::secrets::Secret;

use super::client::Client;
use super::reply::{self, Object, Reply};

/// What opens the store, and for how long.
#[derive(Debug)]
pub struct Token {
    pub value: Secret,
    /// None: it does not end, or nothing is known.
    pub ends: Option<SystemTime>,
    /// What it was given for, in seconds; 0: it does not end.
    pub lease: u64,
    pub renewable: bool,
    pub origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Not ours to keep, to replace or to revoke.
    Operator,
    /// Of a login of the helper before.
    Kept,
    Login,
}

impl Token {
    /// Of what a login or a renewal answers.
    pub fn of_auth(client: &Client, reply: &Reply, origin: Origin) -> Result<Token, Failure> {
        let auth = reply.part(client, &["auth"])?;
        let mut value = reply::text(&auth, "client_token")
            .filter(|value| !value.is_empty())
            .ok_or_else(|| reply::not_understood(client))?;
        let lease = reply::number(&auth, "lease_duration").unwrap_or(0);
        Ok(Token {
            value: Secret::new(std::mem::take(&mut *value)),
            ends: end_of(lease, lease),
            lease,
            renewable: reply::truth(&auth, "renewable"),
            origin,
        })
    }

    /// What it says of itself.
    pub fn learn(&mut self, about: &Object<'_>) {
        self.lease = reply::number(about, "creation_ttl").unwrap_or(0);
        self.ends = end_of(self.lease, reply::number(about, "ttl").unwrap_or(0));
        self.renewable = reply::truth(about, "renewable");
    }

    /// In seconds; None: it does not end.
    pub fn left(&self) -> Option<u64> {
        let left = self.ends?.duration_since(SystemTime::now()).unwrap_or_default();
        Some(left.as_secs())
    }

    /// Whether a renewal still gives what it was given for at first. A second or two goes by on the way.
    pub fn is_whole(&self) -> bool {
        self.renewable && self.left().is_none_or(|left| left + 2 >= self.lease)
    }

    /// Less than a third of its time, or less than what hangs on it needs.
    pub fn is_short(&self, needed: u64) -> bool {
        self.left().is_some_and(|left| left < (self.lease / 3).max(needed))
    }
}

/// A token that was given for no time never ends; but one may have no time left.
pub fn end_of(lease: u64, left: u64) -> Option<SystemTime> {
    // Ten years are as good as any time after, and no number of a store's is too large to be added.
    (lease > 0).then(|| SystemTime::now() + Duration::from_secs(left.min(315_360_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_no_clock_reaches_is_no_reason_to_die() {
        assert!(end_of(u64::MAX, u64::MAX).is_some());
        assert_eq!(end_of(0, u64::MAX), None);
    }
}
