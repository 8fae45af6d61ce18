use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::libc;

/// Takes over the descriptors that systemd handed over: `first` and the `count - 1` after it
/// (sd_listen_fds(3)). They are close-on-exec from now on. None where one is not
/// an open socket.
pub fn adopt(first: RawFd, count: usize) -> Option<Vec<OwnedFd>> {
    let last = first.checked_add(RawFd::try_from(count).ok()?)?;
    let numbers = first..last;
    for number in numbers.clone() {
        if !is_socket(number) {
            return None;
        }
        // SAFETY: F_SETFD takes numbers only.
        if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
            return None;
        }
    }
    // SAFETY: each is open (just asked), and LISTEN_PID says that it was passed to this process
    // for keeps: nothing else here owns it. The caller asks once, before it opens anything.
    Some(numbers.map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect())
}

/// A copy of `descriptor` with a number from `least` up, close-on-exec.
pub fn move_above(descriptor: OwnedFd, least: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_DUPFD_CLOEXEC takes numbers only.
    let copy = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, least) };
    if copy == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made it, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// In the process that is about to exec: puts `sockets` at 3 and upward, open across exec, and marks
/// everything above as close-on-exec.
pub fn place(sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
    let end = 3 + RawFd::try_from(sockets.len()).map_err(io::Error::other)?;

    // First all copies above the range, so that none is overwritten before it is placed.
    let mut copies = Vec::with_capacity(sockets.len());
    for socket in sockets {
        // SAFETY: F_DUPFD_CLOEXEC takes numbers only.
        let copy = unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_DUPFD_CLOEXEC, end) };
        if copy == -1 {
            return Err(io::Error::last_os_error());
        }
        copies.push(copy);
    }
    for (copy, target) in copies.iter().zip(3..) {
        // SAFETY: dup2 takes numbers only. What it closes at `target` belongs to a Rust owner that
        // never runs again: after this comes exec or _exit.
        if unsafe { libc::dup2(*copy, target) } == -1 {
            return Err(io::Error::last_os_error());
        }
    }
    close_on_exec_from(end)
}

fn is_socket(number: RawFd) -> bool {
    // SAFETY: struct stat is plain data, for which all zeros is a value.
    let mut status: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `status` lives for the time of the call; a closed descriptor is an error.
    let found = unsafe { libc::fstat(number, &raw mut status) } == 0;
    found && status.st_mode & libc::S_IFMT == libc::S_IFSOCK
}

fn close_on_exec_from(first: RawFd) -> io::Result<()> {
    // SAFETY: close_range(2) takes numbers only.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first as libc::c_uint,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if result == 0 {
        return Ok(());
    }
    // A kernel before 5.11, or a filter that does not know the call: one by one, over what is open
    // according to /proc, else over all that can be.
    let numbers: Vec<RawFd> = match std::fs::read_dir("/proc/self/fd") {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|number| *number >= first)
            .collect(),
        Err(_) => {
            let (soft, _) =
                nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
            (first..RawFd::try_from(soft).unwrap_or(RawFd::MAX)).collect()
        }
    };
    for number in numbers {
        // SAFETY: F_SETFD takes numbers only; a closed descriptor is an error that does not matter.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}
