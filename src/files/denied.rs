//! What the kernel's EACCES means, and whom to ask for a change.

use std::path::Path;

use nix::sys::stat::{FileStat, fstat};
use nix::unistd::geteuid;

use super::walk::Reached;
use super::{Refusal, command_word, owner, quoted};

/// A directory that the invoking user may not search.
pub(super) fn unsearchable(directory: &Reached, asked: &Path) -> Refusal {
    let name = quoted(&directory.path);
    match fstat(&directory.fd) {
        Ok(stat) => {
            denied(&stat, asked, &format!("directory {name}"), "enter", 0o010, &directory.path)
        }
        Err(errno) => Refusal::System { path: directory.path.clone(), doing: "look at", errno },
    }
}

pub(super) fn unreadable(stat: &FileStat, asked: &Path) -> Refusal {
    denied(stat, asked, "it", "read", 0o040, asked)
}

/// The usual cause is a unit that kept User= without the group that the file is open to: systemd
/// itself reads EnvironmentFile= as root, so it worked before.
fn denied(stat: &FileStat, asked: &Path, what: &str, verb: &str, bit: u32, mend: &Path) -> Refusal {
    let (user, group) = (owner::user(stat.st_uid), owner::group(stat.st_gid));
    let what = format!(
        "{} may not {verb} {what} (owner {user}, group '{group}', mode {:04o})",
        owner::user(geteuid().as_raw()),
        stat.st_mode & 0o7777
    );
    if geteuid().is_root() {
        let word = command_word(mend);
        let mend = if stat.st_uid == 0 {
            "a security module forbids it (the kernel's log says which)".to_owned()
        } else {
            // Root without CAP_DAC_OVERRIDE reads what is its own.
            format!("run: chown root {word} && chmod u+rX {word}")
        };
        return Refusal::Unreadable { path: asked.to_owned(), what, mend };
    }
    let groups = format!(
        "start keybearer as root (take User= and Group= out of the unit), or give the unit SupplementaryGroups={group}"
    );
    let mend = if stat.st_mode & bit != 0 {
        groups
    } else {
        let letter = if bit == 0o040 { 'r' } else { 'x' };
        format!("{groups} and run: chmod g+{letter} {}", command_word(mend))
    };
    Refusal::Unreadable { path: asked.to_owned(), what, mend }
}
