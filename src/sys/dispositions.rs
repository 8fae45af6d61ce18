use std::io;

use nix::libc;
use nix::sys::signal::{SigSet, Signal};

/// Every signal back to its default action: exec keeps ignored ones ignored (signal(7)), and a server
/// that inherits an ignored TERM or CHLD hangs.
pub fn reset_all() {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: SIG_DFL is no handler, so no code of ours can run. KILL, STOP and the two that
        // the C library keeps for itself answer EINVAL, which does not matter.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// One signal back to its default action.
pub fn default_disposition(signal: Signal) {
    // SAFETY: SIG_DFL is no handler, so no code of ours can run.
    unsafe { libc::signal(signal as libc::c_int, libc::SIG_DFL) };
}

/// An empty signal mask, which exec would keep as well.
pub fn unblock_all() -> io::Result<()> {
    Ok(SigSet::empty().thread_set_mask()?)
}
