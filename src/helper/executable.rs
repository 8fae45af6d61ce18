use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use super::Error;
use crate::files::{self, Refusal};

const NAME: &str = "keybearer-store";

/// Where a distribution may put a program that nobody calls by hand.
const ELSEWHERE: &str = "/usr/libexec/keybearer/keybearer-store";

/// The helper's executable, judged and opened once: what is started later is what was found at start,
/// whatever the path names by then.
#[derive(Debug)]
pub struct Executable {
    descriptor: OwnedFd,
    path: PathBuf,
}

impl Executable {
    /// Beside keybearer itself, or in libexec: never from PATH or a variable.
    pub fn find() -> Result<Executable, Error> {
        let own = std::fs::read_link("/proc/self/exe").map_err(Error::OwnPath)?;
        Executable::among(places(own.parent().unwrap_or(Path::new("/"))))
    }

    fn among(places: Vec<PathBuf>) -> Result<Executable, Error> {
        for path in &places {
            match files::open_executable(path) {
                Ok(descriptor) => return Ok(Executable { descriptor, path: path.clone() }),
                Err(Refusal::Missing { .. } | Refusal::MissingDirectory { .. }) => {}
                Err(refusal) => return Err(Error::Refused(refusal)),
            }
        }
        Err(Error::Missing(places))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for Executable {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

fn places(own: &Path) -> Vec<PathBuf> {
    let mut places = vec![own.join(NAME)];
    if let Some(prefix) = own.parent() {
        places.push(prefix.join("libexec/keybearer").join(NAME));
    }
    let elsewhere = PathBuf::from(ELSEWHERE);
    if !places.contains(&elsewhere) {
        places.push(elsewhere);
    }
    places
}

#[cfg(test)]
impl Executable {
    /// Any program, for tests of what becomes of it.
    pub fn at(path: &str) -> Executable {
        Executable::among(vec![PathBuf::from(path)]).expect("a program of this system")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_and_below_the_same_prefix() {
        assert_eq!(
            places(Path::new("/opt/bin")),
            ["/opt/bin/keybearer-store", "/opt/libexec/keybearer/keybearer-store", ELSEWHERE]
                .map(PathBuf::from)
        );
        assert_eq!(
            places(Path::new("/usr/bin")),
            ["/usr/bin/keybearer-store", ELSEWHERE].map(PathBuf::from)
        );
        assert_eq!(places(Path::new("/")), ["/keybearer-store", ELSEWHERE].map(PathBuf::from));
    }

    #[test]
    fn one_that_is_nowhere_is_named_with_the_mend() {
        let error = Executable::among(vec![PathBuf::from("/nowhere/a"), PathBuf::from("/etc/b")]);
        let error = error.expect_err("there is none");
        assert_eq!(
            error.to_string(),
            "cannot find keybearer-store, which asks the stores: looked for '/nowhere/a', '/etc/b'; install it beside keybearer"
        );
        assert_eq!(error.exit().code(), 78);
    }
}
