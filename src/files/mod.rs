//! What a file must be before it is believed: opened once, judged on that descriptor, then read.
//!
//! The way to it is walked one directory at a time, each judged on its own descriptor, so that
//! nothing can be exchanged between the look and the use.

#![forbid(unsafe_code)]

mod acl;
mod contents;
mod denied;
mod directory;
mod judge;
mod kind;
mod open;
mod owner;
mod refusal;
mod rule;
mod shown;
mod walk;

pub use contents::Contents;
pub use directory::{Directory, Listing};
pub use kind::Kind;
pub use refusal::Refusal;
pub use rule::Rule;
pub use shown::{command_word, quoted};

use std::path::Path;

/// Opens, judges and reads one file.
pub fn read(path: &Path, rule: Rule) -> Result<Contents, Refusal> {
    let name = match path.file_name() {
        Some(name) if !ends_in_slash(path) => name,
        _ => {
            return Err(Refusal::Kind { path: path.to_owned(), kind: Kind::Directory });
        }
    };
    let owners = owner::Owners::by(rule, path);
    let above = walk::directory(path.parent().unwrap_or(Path::new("")), path, owners)?;
    let opened = open::open(&above, name, path)?;
    let verdict = judge::file(&opened, rule, path, owners)?;
    let bytes = open::read(opened, path)?;
    let mut warnings = Vec::new();
    if verdict.open_to_others {
        warnings.push(format!("{} is readable by others, accepted on a tmpfs only", quoted(path)));
    }
    Ok(Contents { bytes, warnings })
}

/// `Path` drops a slash at the end, and with it the claim that the name is a directory's.
fn ends_in_slash(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

#[cfg(test)]
pub(crate) mod scratch;
#[cfg(test)]
mod tests;
