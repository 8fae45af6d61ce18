#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

/// fgetxattr(2): None where the file has no such attribute or its file system knows none.
pub fn fgetxattr(fd: impl AsFd, name: &CStr) -> nix::Result<Option<Vec<u8>>> {
    let fd = fd.as_fd();
    let mut value = vec![0_u8; 512];
    loop {
        // SAFETY: the descriptor is borrowed for the whole call, `name` ends in NUL, and the
        // kernel writes at most `value.len()` bytes into `value`, which outlives the call.
        let result = unsafe {
            nix::libc::fgetxattr(
                fd.as_raw_fd(),
                name.as_ptr(),
                value.as_mut_ptr().cast(),
                value.len(),
            )
        };
        match Errno::result(result) {
            Ok(length) => {
                // The result is not negative, and not above the length given.
                value.truncate(usize::try_from(length).unwrap_or(0));
                return Ok(Some(value));
            }
            Err(Errno::ENODATA | Errno::EOPNOTSUPP) => return Ok(None),
            // XATTR_SIZE_MAX is 64 KiB (xattr(7)).
            Err(Errno::ERANGE) if value.len() < 65_536 => value.resize(value.len() * 2, 0),
            Err(errno) => return Err(errno),
        }
    }
}

/// fsetxattr(2): makes the attribute or replaces it.
pub fn fsetxattr(fd: impl AsFd, name: &CStr, value: &[u8]) -> nix::Result<()> {
    let fd = fd.as_fd();
    // SAFETY: the descriptor is borrowed for the whole call, `name` ends in NUL, and the kernel
    // reads `value.len()` bytes of `value`, which outlives the call.
    let result = unsafe {
        nix::libc::fsetxattr(fd.as_raw_fd(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0)
    };
    Errno::result(result).map(drop)
}

/// fremovexattr(2): nothing to do where the file has no such attribute or its file system knows none.
pub fn fremovexattr(fd: impl AsFd, name: &CStr) -> nix::Result<()> {
    let fd = fd.as_fd();
    // SAFETY: the descriptor is borrowed for the whole call, and `name` ends in NUL.
    let result = unsafe { nix::libc::fremovexattr(fd.as_raw_fd(), name.as_ptr()) };
    match Errno::result(result) {
        Ok(_) | Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// flistxattr(2): none where the file system knows no attributes.
pub fn flistxattr(fd: impl AsFd) -> nix::Result<Vec<CString>> {
    let fd = fd.as_fd();
    let mut names = vec![0_u8; 512];
    loop {
        // SAFETY: the descriptor is borrowed for the whole call, and the kernel writes at most
        // `names.len()` bytes into `names`, which outlives the call.
        let result = unsafe {
            nix::libc::flistxattr(fd.as_raw_fd(), names.as_mut_ptr().cast(), names.len())
        };
        match Errno::result(result) {
            Ok(length) => {
                // The result is not negative, and not above the length given.
                names.truncate(usize::try_from(length).unwrap_or(0));
                let each = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
                return Ok(each.filter_map(|name| CString::new(name).ok()).collect());
            }
            Err(Errno::EOPNOTSUPP) => return Ok(Vec::new()),
            // XATTR_LIST_MAX is 64 KiB (xattr(7)).
            Err(Errno::ERANGE) if names.len() < 65_536 => names.resize(names.len() * 2, 0),
            Err(errno) => return Err(errno),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    use nix::fcntl::OFlag;
    use nix::sys::stat::Mode;

    #[test]
    fn an_absent_attribute_is_none_and_a_failure_an_error() {
        let path = "/proc/self/exe";
        let file = File::open(path).expect("own executable");
        assert_eq!(fgetxattr(&file, c"user.keybearer-has-none"), Ok(None));
        // open(2): fgetxattr on an O_PATH descriptor fails with EBADF.
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        let fd = nix::fcntl::open(path, flags, Mode::empty()).expect("own executable");
        assert_eq!(fgetxattr(&fd, c"user.keybearer-has-none"), Err(Errno::EBADF));
    }

    #[test]
    fn what_is_set_is_listed_read_and_removed() {
        let path = std::env::temp_dir().join(format!("keybearer-xattr-{}", std::process::id()));
        let file = File::create_new(&path).expect("a file");
        let set = fsetxattr(&file, c"user.keybearer", &[7; 2_000]);
        let listed = flistxattr(&file);
        let read = fgetxattr(&file, c"user.keybearer");
        let removed = fremovexattr(&file, c"user.keybearer");
        let removed_again = fremovexattr(&file, c"user.keybearer");
        let left = flistxattr(&file);
        std::fs::remove_file(&path).expect("removed");
        if set == Err(Errno::EOPNOTSUPP) {
            eprintln!("SKIPPED: no attributes on this file system");
            return;
        }
        assert_eq!(set, Ok(()));
        assert!(listed.is_ok_and(|names| names.contains(&c"user.keybearer".to_owned())));
        assert_eq!(read, Ok(Some(vec![7; 2_000])));
        assert_eq!((removed, removed_again), (Ok(()), Ok(())));
        assert!(left.is_ok_and(|names| !names.contains(&c"user.keybearer".to_owned())));
    }
}
