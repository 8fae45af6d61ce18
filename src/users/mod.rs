//! Users and groups: from /etc/passwd and /etc/group by themselves, and what is not there from the name
//! services, asked by getent(1). Their modules (systemd, LDAP, SSSD) are libraries that speak to daemons
//! and networks, and keybearer loads none of them; linked statically it could not. nsswitch.conf(5)

#![forbid(unsafe_code)]

mod files;
mod services;

use std::ffi::OsString;
use std::path::PathBuf;

use nix::unistd::{Gid, Uid};

/// One line of passwd(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: Uid,
    pub gid: Gid,
    pub home: PathBuf,
    pub shell: PathBuf,
}

/// The name services could not be asked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot ask the name services: {0}")]
pub struct Unanswered(pub String);

pub fn by_name(name: &str) -> Result<Option<User>, Unanswered> {
    match files::users().find(|user| user.name == name) {
        Some(user) => Ok(Some(user)),
        None => services::by_name(name),
    }
}

pub fn by_uid(uid: Uid) -> Result<Option<User>, Unanswered> {
    match files::users().find(|user| user.uid == uid) {
        Some(user) => Ok(Some(user)),
        None => services::by_uid(uid),
    }
}

pub fn group(name: &str) -> Result<Option<Gid>, Unanswered> {
    match files::groups().find(|group| group.name == name) {
        Some(group) => Ok(Some(group.gid)),
        None => services::group(name),
    }
}

/// `gid` and every group that lists the user: initgroups(3). For a user of /etc/passwd those of
/// /etc/group.
pub fn groups_of(user: &User, gid: Gid) -> Result<Vec<Gid>, Unanswered> {
    if !files::users().any(|known| known == *user) {
        return services::groups_of(&user.name, gid);
    }
    let mut all = vec![gid];
    for group in files::groups().filter(|group| group.members.contains(&user.name)) {
        if !all.contains(&group.gid) {
            all.push(group.gid);
        }
    }
    Ok(all)
}

/// Whether /etc/passwd has one of that name; nobody else is asked.
pub fn is_local(name: &str) -> bool {
    files::users().any(|user| user.name == name)
}

/// For a message: the name where the files know it.
pub fn name_of(uid: Uid) -> Option<String> {
    files::users().find(|user| user.uid == uid).map(|user| user.name)
}

/// For a message: the name where the files know it.
pub fn group_name_of(gid: Gid) -> Option<String> {
    files::groups().find(|group| group.gid == gid).map(|group| group.name)
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).into_owned()
}

fn path(field: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    PathBuf::from(OsString::from_vec(field.to_vec()))
}

fn number(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}
