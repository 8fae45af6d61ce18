use std::io;

use nix::libc;

/// Keeps what is mapped now out of swap, page by page as it is touched (MCL_ONFAULT, so that locking
/// costs no memory). Not MCL_FUTURE: with it an allocation past RLIMIT_MEMLOCK fails, and a supervisor
/// must not die of that; so this is called again after each fetch. mlockall(2)
pub fn lock_what_is_mapped() -> io::Result<()> {
    // SAFETY: mlockall takes flags only and changes no contents.
    let result = unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_ONFAULT) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
