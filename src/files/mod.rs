//! What a file must be before it is believed: opened once, judged on that descriptor, then read.
//!
//! The way to it is walked one directory at a time, each judged on its own descriptor, so that
//! nothing can be exchanged between the look and the use. The same way leads a new content into the
//! place of an old one.

#![forbid(unsafe_code)]

mod acl;
mod contents;
mod denied;
mod directory;
mod held;
mod judge;
mod kind;
mod likeness;
mod lock;
mod obstacle;
mod open;
mod own;
mod owner;
mod refusal;
mod rule;
mod shown;
mod successor;
mod unwritten;
mod walk;
mod way;

pub use contents::Contents;
pub use directory::{Directory, Listing};
pub use held::{Held, hold};
pub use kind::Kind;
pub use own::{read_own, remove_own, write_own};
pub use refusal::Refusal;
pub use rule::Rule;
pub use shown::{command_word, quoted};
pub use unwritten::Unwritten;

use std::os::fd::OwnedFd;
use std::path::Path;

use way::Way;

/// Opens, judges and reads one file.
pub fn read(path: &Path, rule: Rule) -> Result<Contents, Refusal> {
    let way = Way::to(path, rule)?;
    let (opened, verdict) = way.open()?;
    let bytes = open::read(opened, path)?;
    let mut warnings = Vec::new();
    if verdict.open_to_others {
        warnings.push(format!("{} is readable by others, accepted on a tmpfs only", quoted(path)));
    }
    Ok(Contents { bytes, warnings })
}

/// The same for a file that Kubernetes may have mounted: there each is a link into the newest set of files.
pub fn read_mounted(path: &Path, rule: Rule) -> Result<Contents, Refusal> {
    if let (Some(above), Some(name)) = (path.parent(), path.file_name()) {
        // What is wrong with the way to it, the other reader says.
        if let Ok(directory) = Directory::open(above)
            && directory.is_of_the_set(name)
        {
            let bytes = directory.read_by(name, rule)?;
            return Ok(Contents { bytes, warnings: directory.warnings() });
        }
    }
    read(path, rule)
}

/// Opens and judges a program, to be started from the descriptor.
pub fn open_executable(path: &Path) -> Result<OwnedFd, Refusal> {
    let (opened, _) = Way::to(path, Rule::Executable)?.open()?;
    Ok(opened.fd)
}

#[cfg(test)]
pub(crate) mod scratch;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod write_tests;
