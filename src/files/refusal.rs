use std::path::PathBuf;

use nix::errno::Errno;

use crate::exit::Exit;

use super::{Kind, command_word, quoted};

/// Why a file was not believed or not read.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The file itself is too open; `run` mends it.
    #[error("refusing {}: {what}; run: {run}", quoted(path))]
    Permissions { path: PathBuf, what: String, run: String },
    /// A directory on the way is in somebody else's hand.
    #[error("refusing {}: directory {} {what}; {mend}", quoted(path), quoted(directory))]
    Above { path: PathBuf, directory: PathBuf, what: String, mend: String },
    #[error("refusing {}: {kind}, not a regular file", quoted(path))]
    Kind { path: PathBuf, kind: Kind },
    #[error("refusing {}: {kind}, not a directory", quoted(path))]
    NotADirectory { path: PathBuf, kind: Kind },
    #[error("refusing {}: a symbolic link; name its target: {}", quoted(path), quoted(target))]
    Symlink { path: PathBuf, target: PathBuf },
    #[error(
        "refusing {}: the symbolic link {} belongs to {owner}; run: rm {}",
        quoted(path),
        quoted(link),
        command_word(link)
    )]
    ForeignSymlink { path: PathBuf, link: PathBuf, owner: String },
    #[error("refusing {}: more than 40 symbolic links on the way", quoted(path))]
    TooManySymlinks { path: PathBuf },
    #[error(
        "refusing {}: it has {links} names in a directory where others may make them; run: cp -p {word} {word}.new && mv {word}.new {word}",
        quoted(path), links = links, word = command_word(path)
    )]
    HardLinks { path: PathBuf, links: u64 },
    /// open(2) or a look-up on the way said EACCES.
    #[error("refusing {}: {what}; {mend}", quoted(path))]
    Unreadable { path: PathBuf, what: String, mend: String },
    #[error(
        "refusing {}: not on a tmpfs, and no secret of a store goes to a disk; mount one there, or name a directory on one",
        quoted(path)
    )]
    NotInMemory { path: PathBuf },
    #[error("{} does not exist", quoted(path))]
    Missing { path: PathBuf },
    #[error("{} does not exist: no directory {}", quoted(path), quoted(directory))]
    MissingDirectory { path: PathBuf, directory: PathBuf },
    #[error("{} is {size} bytes long; at most {limit} (16 MiB) are read", quoted(path))]
    TooLarge { path: PathBuf, size: u64, limit: u64 },
    #[error("cannot {doing} {}: {}", quoted(path), errno.desc())]
    System { path: PathBuf, doing: &'static str, errno: Errno },
}

impl Refusal {
    pub fn exit(&self) -> Exit {
        match self {
            Refusal::Permissions { .. }
            | Refusal::Above { .. }
            | Refusal::Kind { .. }
            | Refusal::NotADirectory { .. }
            | Refusal::Symlink { .. }
            | Refusal::ForeignSymlink { .. }
            | Refusal::TooManySymlinks { .. }
            | Refusal::HardLinks { .. }
            | Refusal::NotInMemory { .. }
            | Refusal::Unreadable { .. } => Exit::Refused,
            Refusal::Missing { .. }
            | Refusal::MissingDirectory { .. }
            | Refusal::TooLarge { .. } => Exit::Config,
            // Out of descriptors or memory, a disk error: another try may do better.
            Refusal::System { .. } => Exit::Failure,
        }
    }
}
