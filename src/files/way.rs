use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::judge::Verdict;
use super::open::Opened;
use super::owner::Owners;
use super::walk::{self, Reached};
use super::{Kind, Refusal, Rule, judge, open};

/// The way to one file: its directory, which was judged, and its name there.
pub(super) struct Way {
    pub above: Reached,
    pub name: OsString,
    /// As it was asked for, for messages.
    pub path: PathBuf,
    rule: Rule,
    owners: Owners,
}

impl Way {
    pub fn to(path: &Path, rule: Rule) -> Result<Way, Refusal> {
        let name = match path.file_name() {
            Some(name) if !ends_in_slash(path) => name.to_owned(),
            _ => {
                return Err(Refusal::Kind { path: path.to_owned(), kind: Kind::Directory });
            }
        };
        let owners = Owners::by(rule, path);
        let above = walk::directory(path.parent().unwrap_or(Path::new("")), path, owners)?;
        Ok(Way { above, name, path: path.to_owned(), rule, owners })
    }

    /// What has the name now, opened and judged.
    pub fn open(&self) -> Result<(Opened, Verdict), Refusal> {
        let opened = open::open(&self.above, &self.name, &self.path)?;
        let verdict = judge::file(&opened, self.rule, &self.path, self.owners)?;
        Ok((opened, verdict))
    }
}

/// `Path` drops a slash at the end, and with it the claim that the name is a directory's.
fn ends_in_slash(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/")
}
