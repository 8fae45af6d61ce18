use nix::unistd::{Gid, Group, Uid, User, geteuid};

/// Whose file may be believed: root's and the invoking user's.
pub(super) fn trusted(uid: u32) -> bool {
    uid == 0 || uid == geteuid().as_raw()
}

/// A user for a message; the number alone where no name is known.
pub(super) fn user(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => format!("'{}'", user.name),
        Ok(None) | Err(_) => format!("uid {uid}"),
    }
}

/// A group as a command or a unit takes it.
pub(super) fn group(gid: u32) -> String {
    match Group::from_gid(Gid::from_raw(gid)) {
        Ok(Some(group)) => group.name,
        Ok(None) | Err(_) => gid.to_string(),
    }
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
