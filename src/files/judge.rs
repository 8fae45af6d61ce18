//! What owner, mode, ACL and place of a file say.

use std::os::fd::AsFd;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::FileStat;
use nix::sys::statfs::{FsType, TMPFS_MAGIC, fstatfs};
use nix::unistd::geteuid;

use super::open::Opened;
use super::owner::Owners;
use super::{Refusal, Rule, acl, command_word, owner};
use crate::sys;

/// linux/magic.h. systemd keeps credentials there, to be out of reach of swap.
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

const STICKY: u32 = 0o1000;

#[derive(Debug)]
pub(super) struct Verdict {
    /// Accepted, with a warning: a mounted file in memory that others may read.
    pub open_to_others: bool,
}

/// A directory on the way: whoever may write in it may put another file in the place of ours,
/// unless it is sticky.
pub(super) fn directory(
    stat: &FileStat,
    path: &Path,
    asked: &Path,
    owners: Owners,
) -> Result<(), Refusal> {
    let refuse = |what, mend| {
        let (path, directory) = (asked.to_owned(), path.to_owned());
        Err(Refusal::Above { path, directory, what, mend })
    };
    let mode = stat.st_mode & 0o7777;
    if !owners.trust(stat.st_uid) {
        let what = format!("belongs to {}, not to {}", owner::user(stat.st_uid), owner::expected());
        return refuse(what, format!("move the file, or run: chown root {}", command_word(path)));
    }
    if mode & 0o002 != 0 && mode & STICKY == 0 {
        let what = format!("is writable by everyone (mode {mode:04o})");
        return refuse(what, format!("run: chmod o-w {}", command_word(path)));
    }
    if owners.no_group && mode & 0o020 != 0 && mode & STICKY == 0 && stat.st_gid != 0 {
        let what = format!("is writable by its group (mode {mode:04o})");
        return refuse(what, format!("run: chmod g-w {}", command_word(path)));
    }
    Ok(())
}

pub(super) fn file(
    opened: &Opened,
    rule: Rule,
    path: &Path,
    owners: Owners,
) -> Result<Verdict, Refusal> {
    let stat = &opened.stat;
    let system = |doing| move |errno| Refusal::System { path: path.to_owned(), doing, errno };
    let attribute = sys::fgetxattr(&opened.fd, c"system.posix_acl_access")
        .map_err(system("read the ACL of"))?;
    let in_memory = is_in_memory(&opened.fd).map_err(system("find the file system of"))?;
    let opens = |own| attribute.as_deref().is_some_and(|bytes| acl::opens(bytes, own));
    // An entry for the invoking user is how systemd hands a credential to a unit with User=.
    let opens_to_others = opens(Some(geteuid().as_raw()));

    let (forbidden, acl_opens) = match rule {
        Rule::EnvFile => (0o027, opens(None)),
        Rule::Own if !in_memory => {
            return Err(Refusal::NotInMemory { path: path.to_owned() });
        }
        Rule::Own => (0o077, opens(None)),
        Rule::Mounted if in_memory => (0o022, false),
        Rule::Mounted => (0o027, opens_to_others),
        // No secret is in there. What an ACL lets others write shows in the group's bits, which
        // are the mask then (acl(5)).
        Rule::Config | Rule::Schema | Rule::Executable => (0o022, false),
    };
    let wrong = wrong(stat, rule, forbidden, acl_opens, path, owners);
    if !wrong.is_empty() {
        let (what, run): (Vec<_>, Vec<_>) = wrong.into_iter().unzip();
        let mut what = what.join(", ");
        if rule == Rule::Mounted && !in_memory && stat.st_mode & 0o005 != 0 {
            what.push_str(", and not on a tmpfs");
        }
        return Err(Refusal::Permissions { path: path.to_owned(), what, run: run.join(" && ") });
    }
    // A second name gives nobody more than the inode does, but where others may make names it may
    // be one that they gave to another file of root's.
    if stat.st_nlink > 1 && opened.in_shared_directory {
        return Err(Refusal::HardLinks { path: path.to_owned(), links: stat.st_nlink });
    }
    let open_to_others = rule == Rule::Mounted && (stat.st_mode & 0o007 != 0 || opens_to_others);
    Ok(Verdict { open_to_others })
}

/// ramfs is as good as a tmpfs, and never swapped.
pub(super) fn is_in_memory(file: impl AsFd) -> Result<bool, Errno> {
    let place = fstatfs(file)?.filesystem_type();
    Ok(place == TMPFS_MAGIC || place == RAMFS_MAGIC)
}

/// Everything that is wrong and the command that mends it.
fn wrong(
    stat: &FileStat,
    rule: Rule,
    forbidden: u32,
    acl: bool,
    path: &Path,
    owners: Owners,
) -> Vec<(String, String)> {
    let mode = stat.st_mode & 0o7777;
    let word = command_word(path);
    let mut wrong = Vec::new();
    if rule == Rule::Own && stat.st_uid != geteuid().as_raw() {
        wrong.push(of_another(stat, path));
    } else if !owners.trust(stat.st_uid) {
        let owner = owner::user(stat.st_uid);
        let what = format!("owned by {owner}, not by {}", owner::expected());
        wrong.push((what, format!("chown root {word}")));
    }
    if acl {
        wrong.push((
            "an ACL opens it to other users or groups".to_owned(),
            format!("setfacl -b {word}"),
        ));
    }
    let open = mode & forbidden;
    if open != 0 {
        let what = format!("{} (mode {mode:04o})", openness(open));
        // What may stay, stays; nothing is added that the operator did not give.
        let kept = if rule == Rule::Executable { 0o777 } else { 0o666 };
        let mended = mode & kept & !forbidden;
        wrong.push((what, format!("chmod {mended:o} {word}")));
    }
    wrong
}

/// What is wrong with a file that should be keybearer's own, and the mend.
pub(super) fn of_another(stat: &FileStat, path: &Path) -> (String, String) {
    let (owner, own) = (owner::user(stat.st_uid), owner::user(geteuid().as_raw()));
    (format!("owned by {owner}, not by {own}"), format!("rm {}", command_word(path)))
}

/// The forbidden bits in words.
fn openness(open: u32) -> &'static str {
    let group_may_write = open & 0o020 != 0;
    match (open & 0o007, group_may_write) {
        (0, _) => "writable by its group",
        (0o6 | 0o7, _) => "readable and writable by everyone",
        (0o4 | 0o5, false) => "readable by everyone",
        (0o4 | 0o5, true) => "readable by everyone and writable by its group",
        (0o2 | 0o3, _) => "writable by everyone",
        (_, _) => "executable by everyone",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_has_its_words() {
        for (open, words) in [
            (0o004, "readable by everyone"),
            (0o005, "readable by everyone"),
            (0o006, "readable and writable by everyone"),
            (0o026, "readable and writable by everyone"),
            (0o020, "writable by its group"),
            (0o024, "readable by everyone and writable by its group"),
            (0o002, "writable by everyone"),
            (0o001, "executable by everyone"),
        ] {
            assert_eq!(openness(open), words, "{open:o}");
        }
    }
}
