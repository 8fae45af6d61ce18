use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::rc::Rc;

use crate::files::{self, Directory, Refusal, command_word, quoted};

use super::Error;
use super::gathered::Gathered;
use super::selection::{Picks, choose};

/// How often a set of files that is exchanged while it is read is read again.
const ATTEMPTS: usize = 3;

/// Reads one file for each secret, the Docker and Kubernetes way. `names` are the only ones wanted
/// where it is given, and must be there.
pub(super) fn fetch(
    path: &Path,
    source: &Rc<str>,
    names: Option<&[String]>,
    selection: Picks<'_>,
) -> Result<Gathered, Error> {
    let mut attempt = 1;
    loop {
        let directory = Directory::open(path).map_err(missing_whole(path))?;
        match read(&directory, path, source, names, selection) {
            // The kubelet removes the old set as soon as the new one is in its place.
            Err(Error::File(Refusal::Missing { .. }))
                if directory.is_projected() && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            result => return result,
        }
    }
}

fn read(
    directory: &Directory,
    path: &Path,
    source: &Rc<str>,
    names: Option<&[String]>,
    selection: Picks<'_>,
) -> Result<Gathered, Error> {
    let mut gathered = Gathered::from(Rc::clone(source));
    let listing = directory.list()?;
    let mut held = text_names(listing.files, path, source)?;
    if let Some(names) = names {
        for name in names {
            if !held.contains(name) {
                let (from, name) = (source.to_string(), name.clone());
                return Err(Error::NotHeld { from, name });
            }
        }
        held = names.iter().cloned().collect();
    } else {
        for skipped in &listing.directories {
            let skipped = quoted(&path.join(skipped));
            gathered.warnings.push(format!("{source}: the directory {skipped} is skipped"));
        }
    }
    for chosen in choose(selection, &held, source, &mut gathered.warnings)? {
        let bytes = directory.read(OsStr::new(&chosen.own))?;
        gathered.push_file(chosen.site, &bytes)?;
    }
    gathered.warnings.extend(directory.warnings());
    Ok(gathered)
}

fn text_names(
    files: Vec<OsString>,
    directory: &Path,
    source: &Rc<str>,
) -> Result<BTreeSet<String>, Error> {
    let text = |name: OsString| {
        name.into_string().map_err(|name| Error::FileName {
            from: source.to_string(),
            path: quoted(&directory.join(&name)),
            word: command_word(&directory.join(&name)),
        })
    };
    files.into_iter().map(text).collect()
}

/// A directory that is missing itself is not one that is missing on the way.
fn missing_whole(path: &Path) -> impl Fn(files::Refusal) -> Error {
    move |refusal| match refusal {
        Refusal::MissingDirectory { directory, .. } if directory == path => {
            Error::File(Refusal::Missing { path: directory })
        }
        other => Error::File(other),
    }
}
