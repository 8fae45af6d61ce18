//! Who the site runs as. Never root.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use nix::unistd::{Gid, Uid, getegid, geteuid, getgroups};

use crate::config::AccountSpec;
use crate::exit::Exit;
use crate::sys::{Capabilities, Capability};
use crate::users::{self, Unanswered, User};

/// The user, resolved once, before anything is opened in his name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// None for a uid without a name, as containers have them.
    pub name: Option<String>,
    pub uid: Uid,
    pub gid: Gid,
    /// What setgroups(2) gets, and nothing else stays.
    pub groups: Vec<Gid>,
    pub home: Option<PathBuf>,
    pub shell: Option<PathBuf>,
    /// False where keybearer already is this user: then there are no ids to set.
    pub switch: bool,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    #[error(
        "refusing to run the site as root; name its user: --user USER, or user = \"USER\" in the config"
    )]
    NoUser,
    #[error("refusing to run the site as root: user '{0}' has uid 0; name the site's own user")]
    Root(String),
    #[error(
        "refusing to run the site under group '{0}', which is root's; name the site's own group"
    )]
    RootGroup(String),
    #[error(
        "refusing to run the site in root's group: user '{0}' is a member; run: gpasswd -d {0} root"
    )]
    RootMember(String),
    #[error("there is no user '{0}'; make it: useradd --system {0}")]
    UnknownUser(String),
    #[error("there is no group '{0}'; make it: groupadd --system {0}")]
    UnknownGroup(String),
    #[error(
        "uid {0} has no entry in the user database, so its group is not known; name it: --user {0}:GROUP"
    )]
    NoGroup(Uid),
    #[error("cannot look up '{name}': {error}")]
    Lookup { name: String, error: Unanswered },
    #[error(
        "cannot become '{0}': root here lacks the capabilities SETUID and SETGID; \
         give them: CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_KILL, or --cap-add=SETUID --cap-add=SETGID --cap-add=KILL"
    )]
    RootWithoutCapabilities(String),
    #[error(
        "cannot become '{0}': keybearer was not started as root; start it as root, or as '{0}' itself"
    )]
    NotRoot(String),
    #[error(
        "could not stop a site of '{0}': the capability KILL is missing; \
         give it: CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_KILL, or --cap-add=KILL"
    )]
    WithoutKill(String),
    #[error("cannot ask the kernel for this process's {what}: {error}")]
    Kernel { what: &'static str, error: String },
}

impl AccountError {
    pub fn exit(&self) -> Exit {
        match self {
            AccountError::NoUser
            | AccountError::Root(_)
            | AccountError::RootGroup(_)
            | AccountError::UnknownUser(_)
            | AccountError::UnknownGroup(_)
            | AccountError::RootMember(_)
            | AccountError::NoGroup(_) => Exit::Config,
            AccountError::RootWithoutCapabilities(_)
            | AccountError::NotRoot(_)
            | AccountError::WithoutKill(_) => Exit::Refused,
            // A directory service that is late may be there at the next try.
            AccountError::Lookup { .. } | AccountError::Kernel { .. } => Exit::Failure,
        }
    }
}

impl Account {
    /// Looks the user up and makes sure that this process can become him.
    pub fn resolve(spec: Option<&AccountSpec>) -> Result<Account, AccountError> {
        let Some(spec) = spec else { return Account::own() };
        let (uid, entry) = find_user(&spec.user)?;
        if uid.is_root() {
            return Err(AccountError::Root(spec.user.clone()));
        }
        let gid = match (&spec.group, &entry) {
            (Some(group), _) => find_group(group)?,
            (None, Some(entry)) => entry.gid,
            (None, None) => return Err(AccountError::NoGroup(uid)),
        };
        if uid == geteuid() && gid == getegid() {
            return Account::own();
        }
        let capable = effective()?;
        if !(capable.has(Capability::SetUid) && capable.has(Capability::SetGid)) {
            return Err(match geteuid().is_root() {
                true => AccountError::RootWithoutCapabilities(spec.user.clone()),
                false => AccountError::NotRoot(spec.user.clone()),
            });
        }
        if gid.as_raw() == 0 {
            return Err(AccountError::RootGroup(
                spec.group.clone().unwrap_or_else(|| "root".to_owned()),
            ));
        }
        let groups = groups_of(entry.as_ref(), gid)?;
        if groups.iter().any(|group| group.as_raw() == 0) {
            return Err(AccountError::RootMember(spec.user.clone()));
        }
        Ok(Account { switch: true, groups, ..Account::from(uid, gid, entry) })
    }

    fn own() -> Result<Account, AccountError> {
        let uid = geteuid();
        if uid.is_root() {
            return Err(AccountError::NoUser);
        }
        let entry = users::by_uid(uid)
            .map_err(|error| AccountError::Lookup { name: uid.to_string(), error })?;
        let groups = getgroups()
            .map_err(|error| AccountError::Kernel { what: "groups", error: error.to_string() })?;
        Ok(Account { groups, ..Account::from(uid, getegid(), entry) })
    }

    fn from(uid: Uid, gid: Gid, entry: Option<User>) -> Account {
        let (name, home, shell) = match entry {
            Some(entry) => (Some(entry.name), Some(entry.home), Some(entry.shell)),
            None => (None, None, None),
        };
        Account { name, uid, gid, groups: Vec::new(), home, shell, switch: false }
    }

    /// kill(2) to another user's process needs KILL: without it a stop would hang.
    pub fn require_kill(&self) -> Result<(), AccountError> {
        if self.switch && !effective()?.has(Capability::Kill) {
            return Err(AccountError::WithoutKill(self.to_string()));
        }
        Ok(())
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.uid),
        }
    }
}

fn effective() -> Result<crate::sys::CapabilitySet, AccountError> {
    Capabilities::get()
        .map(|held| held.effective)
        .map_err(|error| AccountError::Kernel { what: "capabilities", error: error.to_string() })
}

/// A name, or a number: a container's user often has no entry.
fn find_user(text: &str) -> Result<(Uid, Option<User>), AccountError> {
    let lookup = |error| AccountError::Lookup { name: text.to_owned(), error };
    if let Some(entry) = users::by_name(text).map_err(lookup)? {
        return Ok((entry.uid, Some(entry)));
    }
    match id(text) {
        Some(number) => {
            let uid = Uid::from_raw(number);
            Ok((uid, users::by_uid(uid).map_err(lookup)?))
        }
        None => Err(AccountError::UnknownUser(text.to_owned())),
    }
}

fn find_group(text: &str) -> Result<Gid, AccountError> {
    let lookup = |error| AccountError::Lookup { name: text.to_owned(), error };
    match users::group(text).map_err(lookup)? {
        Some(gid) => Ok(gid),
        None => match id(text) {
            Some(number) => Ok(Gid::from_raw(number)),
            None => Err(AccountError::UnknownGroup(text.to_owned())),
        },
    }
}

/// The highest number is -1 to setresuid(2), which means "leave it": no id.
fn id(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|number| *number != u32::MAX)
}

/// As systemd does for User= with Group=: the group given, and those that list the user; for a user of
/// /etc/passwd, those of /etc/group.
fn groups_of(entry: Option<&User>, gid: Gid) -> Result<Vec<Gid>, AccountError> {
    let Some(entry) = entry else { return Ok(vec![gid]) };
    users::groups_of(entry, gid)
        .map_err(|error| AccountError::Lookup { name: entry.name.clone(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(user: &str, group: Option<&str>) -> AccountSpec {
        AccountSpec { user: user.to_owned(), group: group.map(str::to_owned) }
    }

    #[test]
    fn root_is_refused_by_name_and_by_number() {
        for user in ["root", "0", "00"] {
            assert_eq!(
                Account::resolve(Some(&spec(user, None))),
                Err(AccountError::Root(user.to_owned()))
            );
        }
    }

    #[test]
    fn unknown_names() {
        assert_eq!(
            Account::resolve(Some(&spec("no-such-user", None))),
            Err(AccountError::UnknownUser("no-such-user".to_owned()))
        );
        assert_eq!(
            Account::resolve(Some(&spec("nobody", Some("no-such-group")))),
            Err(AccountError::UnknownGroup("no-such-group".to_owned()))
        );
        assert_eq!(
            Account::resolve(Some(&spec("4294967295", None))),
            Err(AccountError::UnknownUser("4294967295".to_owned()))
        );
    }
}
