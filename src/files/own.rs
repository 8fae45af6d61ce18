//! Files that keybearer itself writes and reads back: in memory alone, and for nobody else.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::stat::lstat;
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};
use zeroize::Zeroizing;

use super::successor::{Successor, system};
use super::way::Way;
use super::{Refusal, Rule, Unwritten, judge, open};

/// Nobody else writes there but another keybearer of the same name, for a moment.
const PATIENCE: Duration = Duration::from_millis(200);

pub fn read_own(path: &Path) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let (opened, _) = Way::to(path, Rule::Own)?.open().map_err(not_ours)?;
    open::read(opened, path)
}

/// Root without DAC_OVERRIDE may not even look into it, and must not be told to make it his.
fn not_ours(refusal: Refusal) -> Refusal {
    let Refusal::Unreadable { path, .. } = &refusal else { return refusal };
    match lstat(path) {
        Ok(stat) if stat.st_uid != geteuid().as_raw() => {
            let (what, run) = judge::of_another(&stat, path);
            Refusal::Permissions { path: path.clone(), what, run }
        }
        Ok(_) | Err(_) => refusal,
    }
}

/// At every moment the name stands for what was there before or for all of this.
pub fn write_own(path: &Path, bytes: &[u8]) -> Result<(), Unwritten> {
    let way = Way::to(path, Rule::Own)?;
    let mut successor = Successor::make(&way, Instant::now() + PATIENCE)?;
    successor.must_be_in_memory()?;
    successor.fill(bytes)?;
    successor.take_place()
}

/// Whatever has the name, in a directory that would be believed.
pub fn remove_own(path: &Path) -> Result<(), Unwritten> {
    let way = Way::to(path, Rule::Own)?;
    unlinkat(&way.above.fd, way.name.as_os_str(), UnlinkatFlags::NoRemoveDir)
        .map_err(system(&way, "remove it"))
}
