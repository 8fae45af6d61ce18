use nix::unistd::geteuid;

use super::Error;
use crate::account::{Account, AccountError};
use crate::config::AccountSpec;
use crate::users;

/// Made for this by an administrator; else it is nobody.
const OWN: &str = "keybearer";
pub const ANYBODY: &str = "nobody";

/// Who the helper runs as. Never root.
#[derive(Debug)]
pub struct User {
    account: Account,
}

impl User {
    /// Where keybearer is not root it can be nobody else, whoever is named.
    pub fn resolve(given: Option<&str>) -> Result<User, Error> {
        if !geteuid().is_root() {
            let account = Account::resolve(None).map_err(Error::User)?;
            return Ok(User { account });
        }
        let name = match given {
            Some(name) => name,
            None => usual_user().ok_or(Error::NoUser)?,
        };
        let spec = AccountSpec { user: name.to_owned(), group: None };
        let account = Account::resolve(Some(&spec)).map_err(in_its_words)?;
        // Without KILL one that hangs could not be ended.
        account.require_kill().map_err(in_its_words)?;
        Ok(User { account })
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }
}

/// Whoever makes such a user makes it on this machine: name services that are slow, or not there for a
/// static build, have no part in it.
pub fn usual_user() -> Option<&'static str> {
    [OWN, ANYBODY].into_iter().find(|name| users::is_local(name))
}

/// Those that speak of the site speak of the helper here.
fn in_its_words(error: AccountError) -> Error {
    match error {
        AccountError::Root(name) => Error::Root(name),
        AccountError::RootGroup(group) => Error::RootGroup(group),
        AccountError::RootMember(name) => Error::RootMember(name),
        AccountError::NoGroup(uid) => Error::NoGroup(uid),
        AccountError::WithoutKill(name) => Error::WithoutKill(name),
        error @ (AccountError::NoUser
        | AccountError::UnknownUser(_)
        | AccountError::UnknownGroup(_)
        | AccountError::Lookup { .. }
        | AccountError::RootWithoutCapabilities(_)
        | AccountError::NotRoot(_)
        | AccountError::Kernel { .. }) => Error::User(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_refused_in_the_helpers_own_words() {
        let error = in_its_words(AccountError::Root("toor".to_owned()));
        assert_eq!(
            error.to_string(),
            "refusing to run keybearer-store as root: user 'toor' has uid 0; name another: helper-user = \"USER\""
        );
        assert_eq!(error.exit().code(), 78);
    }
}
