use std::io;

use nix::libc;

/// Keeps what is mapped now out of swap, page by page as it is touched (MCL_ONFAULT, so that locking
/// costs no memory). Not MCL_FUTURE: with it an allocation past RLIMIT_MEMLOCK fails, and a supervisor
/// must not die of that; so this is called again after each fetch. mlockall(2)
pub fn lock_what_is_mapped() -> io::Result<()> {
    // Locked pages cannot be given back, so those go first that the start has used and left. malloc_trim(3)
    // SAFETY: only memory that is free is given back.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
    // SAFETY: mlockall takes flags only and changes no contents.
    let result = unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_ONFAULT) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Gives back the pages of this program's code, for a supervisor that rests for months after a busy moment.
/// What it needs again comes back from the page cache, or from the file. madvise(2), MADV_DONTNEED
pub fn give_code_back() {
    unsafe extern "C" {
        // The linker's own: where the program's image begins, and where its code ends. end(3)
        static __executable_start: u8;
        static etext: u8;
    }
    const PAGE: usize = 4096;
    let start = (&raw const __executable_start).addr().next_multiple_of(PAGE);
    let end = (&raw const etext).addr() & !(PAGE - 1);
    let Some(length) = end.checked_sub(start).filter(|length| *length > 0) else { return };
    let start = (&raw const __executable_start).with_addr(start).cast_mut().cast();
    // SAFETY: the range is this program's code and what lies before it, mapped from its file, private,
    // never written to (no text relocations: relocated data lies behind etext). So dropping its pages
    // loses nothing: the next access maps the same bytes again. Where the page size is larger than
    // 4 KiB the calls may answer EINVAL, and nothing is given back.
    unsafe {
        libc::munlock(start, length);
        libc::madvise(start.cast(), length, libc::MADV_DONTNEED);
    }
}
