use std::path::Path;
use std::rc::Rc;

use crate::config::Credentials;
use crate::files::{Directory, quoted};

use super::gathered::Gathered;
use super::selection::Picks;
use super::{Error, directory, env_file};

/// Reads what systemd put into $CREDENTIALS_DIRECTORY (systemd.exec(5)).
pub(super) fn fetch(
    wanted: &Credentials,
    selection: Picks<'_>,
    credentials_directory: Option<&Path>,
) -> Result<Gathered, Error> {
    let path = credentials_directory.ok_or(Error::NoCredentials)?;
    let source: Rc<str> = Rc::from(format!("credentials directory {}", quoted(path)));
    match wanted {
        Credentials::All => directory::fetch(path, &source, None, selection),
        Credentials::Names(names) => directory::fetch(path, &source, Some(names), selection),
        Credentials::EnvFile(name) => {
            let directory = Directory::open(path)?;
            if !directory.list()?.files.iter().any(|file| file.to_str() == Some(name)) {
                return Err(Error::NotHeld { from: source.to_string(), name: name.clone() });
            }
            let bytes = directory.read(name.as_ref())?;
            let mut gathered = env_file::gather(&path.join(name), &bytes, selection)?;
            gathered.warnings.extend(directory.warnings());
            Ok(gathered)
        }
    }
}
