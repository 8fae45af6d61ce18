use std::io;

use nix::libc;

/// A new, empty session keyring for this process and what it starts: the operator's, which root may
/// have logged in with, would stay possessed across setuid. keyctl(2), session-keyring(7)
pub fn leave_session_keyring() -> io::Result<()> {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: a null name asks for an anonymous keyring; nothing else is read or written.
    let result = unsafe {
        libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>())
    };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
