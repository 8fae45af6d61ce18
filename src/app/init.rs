mod error;
mod made;
mod texts;

use std::io::Write;
use std::path::Path;

use nix::unistd::{Gid, geteuid};

use crate::config::AccountSpec;
use crate::secrets;
use crate::users;

use super::output::print;
pub use error::Error;
use made::Made;
use texts::Texts;

/// `keybearer init DIR`: three files to begin with, and the commands to go on with.
///
/// Nothing is overwritten, and after an error nothing is left. `directory` is absolute.
pub fn run(
    directory: &Path,
    name: Option<&str>,
    user: Option<&AccountSpec>,
    out: &mut impl Write,
) -> Result<(), Error> {
    let name = name.unwrap_or("keybearer");
    let config = directory.join(format!("{name}.toml"));
    let schema = directory.join(format!("{name}.schema.toml"));
    let env = directory.join(format!("{name}.env"));
    let texts = Texts::new(&config, &schema, &env, user, &secrets::generate()?)?;
    // Only root can give a file to a group that it is not in.
    let group = user.filter(|_| geteuid().is_root()).map(group_of);

    let mut made = Made::default();
    made.directory(directory)?;
    // All three are looked for before the first is made: the message names the one that is there.
    for path in [&config, &schema, &env] {
        if path.symlink_metadata().is_ok() {
            return Err(Error::Exists { path: path.clone() });
        }
    }
    made.public_file(&config, &texts.config)?;
    made.public_file(&schema, texts.schema)?;
    made.env_file(&env, &texts.env, group.flatten())?;
    print(out, texts.next(&config, &schema, &env, group == Some(None)).as_bytes())?;
    made.keep();
    Ok(())
}

/// The group that may read the env file: the one named, else the user's own. None where this
/// machine does not know it, or not yet.
fn group_of(account: &AccountSpec) -> Option<Gid> {
    match &account.group {
        Some(group) => match users::group(group) {
            Ok(Some(gid)) => Some(gid),
            Ok(None) | Err(_) => group.parse().ok().map(Gid::from_raw),
        },
        None => users::by_name(&account.user).ok().flatten().map(|user| user.gid),
    }
}

#[cfg(test)]
mod tests;
