//! What the kernel's refusal of a new file means, and the mend.

use nix::errno::Errno;
use nix::unistd::geteuid;

use super::successor::system;
use super::way::Way;
use super::{Unwritten, command_word, owner, quoted};

/// No file can be made in the directory.
pub(super) fn beside(way: &Way, errno: Errno) -> Unwritten {
    let directory = &way.above.path;
    let (name, word) = (quoted(directory), command_word(directory));
    let denied = |what, mend| Unwritten::Denied { path: way.path.clone(), what, mend };
    match errno {
        Errno::EROFS => denied(
            format!("directory {name} is read-only here"),
            format!("mount it writable, or give the unit ReadWritePaths={word}"),
        ),
        Errno::EACCES if geteuid().is_root() => denied(
            format!("root may make no file in directory {name}"),
            // Root without CAP_DAC_OVERRIDE writes where it is the owner.
            format!("run: chown root {word} && chmod u+rwx {word}"),
        ),
        Errno::EACCES => denied(
            format!("{} may make no file in directory {name}", owner::user(geteuid().as_raw())),
            "do it as root".to_owned(),
        ),
        Errno::EPERM => {
            denied(format!("directory {name} is immutable"), format!("run: chattr -i {word}"))
        }
        errno => system(way, "make a file beside it")(errno),
    }
}

/// The file cannot be exchanged.
pub(super) fn in_place_of(way: &Way, errno: Errno) -> Unwritten {
    let word = command_word(&way.path);
    let denied = |what: &str, mend| {
        let what = what.to_owned();
        Unwritten::Denied { path: way.path.clone(), what, mend }
    };
    match errno {
        Errno::EPERM => denied("it is immutable or append-only", format!("run: chattr -ia {word}")),
        // rename(2): a file that a container has mounted by itself.
        Errno::EBUSY => denied(
            "it is a mount of its own, which cannot be exchanged",
            "mount its directory instead".to_owned(),
        ),
        errno => system(way, "put its successor in its place")(errno),
    }
}
