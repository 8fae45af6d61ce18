use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::Gid;

use super::Error;

/// What was made so far. It goes again unless it is kept.
#[derive(Debug, Default)]
pub(super) struct Made {
    directory: Option<PathBuf>,
    files: Vec<PathBuf>,
}

impl Made {
    pub fn directory(&mut self, path: &Path) -> Result<(), Error> {
        match DirBuilder::new().mode(0o755).create(path) {
            Ok(()) => self.directory = Some(path.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return if path.is_dir() {
                    Ok(())
                } else {
                    Err(Error::NoDirectory { path: path.to_owned() })
                };
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let parent = path.parent().unwrap_or(path).to_owned();
                return Err(Error::NoParent { parent });
            }
            Err(error) => return Err(Error::make(path, error)),
        }
        Ok(())
    }

    /// The config or the schema: no secret, and not writable by others whatever the umask says.
    pub fn public_file(&mut self, path: &Path, text: &str) -> Result<(), Error> {
        let mut file = self.create(path)?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.set_permissions(Permissions::from_mode(0o644)))
            .map_err(|error| Error::make(path, error))
    }

    /// The env file. Nobody else may open it before it has its group.
    pub fn env_file(&mut self, path: &Path, text: &str, group: Option<Gid>) -> Result<(), Error> {
        let mut file = self.create(path)?;
        let to_group = |file: &File| match group {
            Some(group) => fchown(file, None, Some(group.as_raw())),
            None => Ok(()),
        };
        file.write_all(text.as_bytes())
            .and_then(|()| to_group(&file))
            .and_then(|()| file.set_permissions(Permissions::from_mode(0o640)))
            .map_err(|error| Error::make(path, error))
    }

    /// O_CREAT with O_EXCL follows no link and takes no file that is there: open(2).
    fn create(&mut self, path: &Path) -> Result<File, Error> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| Error::make(path, error))?;
        self.files.push(path.to_owned());
        Ok(file)
    }

    pub fn keep(mut self) {
        self.files.clear();
        self.directory = None;
    }
}

impl Drop for Made {
    /// What cannot be removed stays; the error that led here is the one to tell.
    fn drop(&mut self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        if let Some(directory) = &self.directory {
            let _ = fs::remove_dir(directory);
        }
    }
}
