use std::io;

use nix::libc;
use nix::sys::signal::{SigSet, Signal};

/// Every signal back to its default action: exec keeps ignored ones ignored (signal(7)), and a server
/// that inherits an ignored TERM or CHLD hangs.
pub fn reset_all() {
    // SIG_DFL, no flags, no mask: all zeros in every architecture's struct, and large enough for each.
    let default = [0u64; 4];
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: rt_sigaction(2) reads one struct sigaction from `default`, which lives for the time
        // of the call, and writes none. SIG_DFL is no handler, so no code of ours can run. Not the
        // library's signal(3): it refuses 32 and 33, which the C library keeps for itself, and a
        // parent may have left them ignored too. KILL and STOP answer EINVAL, which does not matter.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                std::ptr::null_mut::<u64>(),
                size_of::<u64>(),
            )
        };
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
