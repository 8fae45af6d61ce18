//! What a file must have in common with the one that it replaces.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::stat::{FileStat, fstat};
use nix::unistd::{Gid, Uid, fchown, geteuid, setfsgid};

use super::successor::system;
use super::way::Way;
use super::{Unwritten, owner};
use crate::sys;

const ACL: &CStr = c"system.posix_acl_access";

/// Owner and group.
pub(super) fn give(file: &File, stat: &FileStat, way: &Way) -> Result<(), Unwritten> {
    let made = fstat(file).map_err(system(way, "look at its successor"))?;
    let uid = (made.st_uid != stat.st_uid).then(|| Uid::from_raw(stat.st_uid));
    let gid = (made.st_gid != stat.st_gid).then(|| Gid::from_raw(stat.st_gid));
    if let Some(uid) = uid {
        fchown(file, Some(uid), None).map_err(|errno| match errno {
            Errno::EPERM | Errno::EINVAL => cannot_keep_owner(stat, way),
            errno => system(way, "set its owner")(errno),
        })?;
    }
    if let Some(gid) = gid {
        fchown(file, None, Some(gid))
            .or_else(|errno| match errno {
                Errno::EPERM => as_member(gid, || fchown(file, None, Some(gid))),
                errno => Err(errno),
            })
            .map_err(|errno| match errno {
                Errno::EPERM | Errno::EINVAL => cannot_keep_group(stat, way),
                errno => system(way, "set its group")(errno),
            })?;
    }
    Ok(())
}

/// Root that has given CHOWN away may still give its own file to a group that it is in (chown(2)), and
/// SETGID lets it be in any. setfsgid(2) is for this thread and its look at files alone.
fn as_member<T>(gid: Gid, work: impl FnOnce() -> nix::Result<T>) -> nix::Result<T> {
    let own = setfsgid(gid);
    let result = work();
    setfsgid(own);
    // The kernel sets it anew for other ids (PR_SET_DUMPABLE(2const)).
    prctl::set_dumpable(false)?;
    result
}

/// What the directory has given by its default ACL goes; what the original has comes. Labels are set
/// where that is allowed: otherwise the directory's rule for new files has set one.
pub(super) fn copy_attributes(
    original: BorrowedFd<'_>,
    file: &File,
    way: &Way,
) -> Result<(), Unwritten> {
    sys::fremovexattr(file, ACL).map_err(system(way, "clear the ACL of its successor"))?;
    let names = sys::flistxattr(original).map_err(system(way, "list its attributes"))?;
    for name in names {
        let required = name.as_c_str() == ACL || name.to_bytes().starts_with(b"user.");
        let wanted = required || [c"security.selinux", c"security.SMACK64"].contains(&&*name);
        if !wanted {
            continue;
        }
        let value = sys::fgetxattr(original, &name).map_err(system(way, "read its attributes"))?;
        let Some(value) = value else { continue };
        match sys::fsetxattr(file, &name, &value) {
            Err(errno) if required => return Err(system(way, "keep its attributes")(errno)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Nothing is written into a file that more people may read.
pub(super) fn check(
    original: BorrowedFd<'_>,
    stat: &FileStat,
    file: &File,
    way: &Way,
) -> Result<(), Unwritten> {
    let made = fstat(file).map_err(system(way, "look at its successor"))?;
    let acl = |fd| sys::fgetxattr(fd, ACL).map_err(system(way, "read its ACL"));
    if made.st_uid != stat.st_uid {
        return Err(cannot_keep_owner(stat, way));
    }
    if made.st_gid != stat.st_gid {
        return Err(cannot_keep_group(stat, way));
    }
    let what = if made.st_mode != stat.st_mode {
        format!("its mode {:04o}", stat.st_mode & 0o7777)
    } else if acl(std::os::fd::AsFd::as_fd(file))? != acl(original)? {
        "its ACL".to_owned()
    } else {
        return Ok(());
    };
    let mend = "put it into a directory of a local file system".to_owned();
    Err(Unwritten::CannotKeep { path: way.path.clone(), what, mend })
}

fn cannot_keep_owner(stat: &FileStat, way: &Way) -> Unwritten {
    let what = format!("its owner {}", owner::user(stat.st_uid));
    Unwritten::CannotKeep { path: way.path.clone(), what, mend: "do it as that user".to_owned() }
}

fn cannot_keep_group(stat: &FileStat, way: &Way) -> Unwritten {
    let what = format!("its group '{}'", owner::group(stat.st_gid));
    let mend = if geteuid().is_root() {
        "give keybearer the capability SETGID or CHOWN"
    } else {
        "do it as root, or as a member of that group"
    };
    Unwritten::CannotKeep { path: way.path.clone(), what, mend: mend.to_owned() }
}
