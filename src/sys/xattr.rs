#![allow(unsafe_code)]

use std::ffi::CStr;
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
}
