use std::io;

use nix::unistd::Pid;

use crate::sys::{self, Change};

/// This many orphans are taken in at a time. A site that makes them faster than they can be reaped must
/// not keep the supervisor from its signals and deadlines.
const AT_ONCE: usize = 64;

/// Takes in what ended among the orphans that the site left; `ours` are looked after elsewhere, and
/// their ends and zombies stay untouched. True where there may be more.
pub(super) fn reap_orphans(ours: &[Pid]) -> io::Result<bool> {
    for _ in 0..AT_ONCE {
        match sys::look()? {
            None => return Ok(false),
            Some((child, _)) if ours.contains(&child) => return Ok(true),
            Some((child, Change::Ended(_))) => sys::reap(child)?,
            Some((child, Change::Stopped)) => sys::acknowledge_stop(child)?,
        }
    }
    Ok(true)
}
