use std::io;

use nix::libc;

/// Fills `bytes` from the kernel's generator, which is seeded before it answers: getrandom(2). Fewer than
/// 256 bytes come whole and without interruption.
pub fn random<const LENGTH: usize>(bytes: &mut [u8; LENGTH]) -> io::Result<()> {
    const { assert!(LENGTH <= 256) };
    // SAFETY: the kernel writes at most `LENGTH` bytes into memory that is ours for the call.
    let got = unsafe { libc::syscall(libc::SYS_getrandom, bytes.as_mut_ptr(), LENGTH, 0) };
    match usize::try_from(got) {
        Ok(got) if got == LENGTH => Ok(()),
        Ok(_) => Err(io::Error::other("too few bytes")),
        Err(_) => Err(io::Error::last_os_error()),
    }
}
