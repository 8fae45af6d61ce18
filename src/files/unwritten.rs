use std::path::PathBuf;

use nix::errno::Errno;

use crate::exit::Exit;

use super::{Refusal, command_word, quoted};

/// Why a file was not replaced. It is as it was, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Unwritten {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(
        "cannot write {}: {} holds a lock (flock) on it; wait for that to end, then try again",
        quoted(path),
        holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    Locked { path: PathBuf, holder: Option<u32> },
    #[error("{} was changed by something else meanwhile; try again", quoted(path))]
    Changed { path: PathBuf },
    #[error(
        "cannot write {}: it has {links} names, and only this one would get the new content; run: cp -p {word} {word}.new && mv {word}.new {word}",
        quoted(path), links = links, word = command_word(path)
    )]
    HardLinks { path: PathBuf, links: u64 },
    #[error("cannot write {} and keep {what}; {mend}", quoted(path))]
    CannotKeep { path: PathBuf, what: String, mend: String },
    #[error("cannot write {}: {what}; {mend}", quoted(path))]
    Denied { path: PathBuf, what: String, mend: String },
    #[error("cannot write {}: cannot {doing}: {}", quoted(path), errno.desc())]
    System { path: PathBuf, doing: &'static str, errno: Errno },
    /// It has been replaced, and a power failure may undo that.
    #[error(
        "{} is written, but whether that reached the disk is not known: {}",
        quoted(path),
        errno.desc()
    )]
    Unsure { path: PathBuf, errno: Errno },
}

impl Unwritten {
    pub fn exit(&self) -> Exit {
        match self {
            Unwritten::Refused(refusal) => refusal.exit(),
            Unwritten::HardLinks { .. }
            | Unwritten::CannotKeep { .. }
            | Unwritten::Denied { .. } => Exit::Refused,
            Unwritten::Locked { .. }
            | Unwritten::Changed { .. }
            | Unwritten::System { .. }
            | Unwritten::Unsure { .. } => Exit::Failure,
        }
    }
}
