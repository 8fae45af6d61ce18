use std::path::Path;

use nix::sys::stat::lstat;
use nix::unistd::{Gid, Uid, geteuid};

use super::Rule;
use crate::users;

/// Whose file and whose directories may be believed: root's, the invoking user's, and for a schema
/// those of one owner more, the file's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owners {
    also: Option<u32>,
    /// A group may not write in the directories either, unless it is root's.
    pub no_group: bool,
}

impl Owners {
    pub const STRICT: Owners = Owners { also: None, no_group: false };

    /// The look at a schema's owner only says who he is; the descriptors are judged by it later.
    pub fn by(rule: Rule, path: &Path) -> Owners {
        match rule {
            Rule::EnvFile | Rule::Mounted | Rule::Config | Rule::Own => Owners::STRICT,
            Rule::Executable => Owners { no_group: true, ..Owners::STRICT },
            Rule::Schema => {
                Owners { also: lstat(path).ok().map(|stat| stat.st_uid), ..Owners::STRICT }
            }
        }
    }

    pub fn trust(self, uid: u32) -> bool {
        uid == 0 || uid == geteuid().as_raw() || self.also == Some(uid)
    }
}

/// A user for a message; the number alone where no name is known.
pub(super) fn user(uid: u32) -> String {
    match users::name_of(Uid::from_raw(uid)) {
        Some(name) => format!("'{name}'"),
        None => format!("uid {uid}"),
    }
}

/// A group as a command or a unit takes it.
pub(super) fn group(gid: u32) -> String {
    users::group_name_of(Gid::from_raw(gid)).unwrap_or_else(|| gid.to_string())
}

/// Whom the refusal of a foreign file names as acceptable.
pub(super) fn expected() -> String {
    let invoking = geteuid();
    if invoking.is_root() {
        "root".to_owned()
    } else {
        format!("root or {}", user(invoking.as_raw()))
    }
}
