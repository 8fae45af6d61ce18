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
    // SAFETY: the function below keeps to what dl_iterate_phdr(3) asks of it, and takes no data.
    unsafe { libc::dl_iterate_phdr(Some(give_back_of), std::ptr::null_mut()) };
}

/// The first that is told of is the program itself; it is the only one.
unsafe extern "C" fn give_back_of(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: it is valid for the call, and so are as many headers as it says. dl_iterate_phdr(3)
    let (base, headers) = unsafe {
        let info = &*info;
        (info.dlpi_addr, std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)))
    };
    for header in headers {
        // One by one: between them may be holes, and munlock(2) ends at a hole.
        if header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0 {
            give_segment_back((base + header.p_vaddr) as usize, header.p_memsz as usize);
        }
    }
    1
}

fn give_segment_back(start: usize, length: usize) {
    const PAGE: usize = 4096;
    let end = (start + length) & !(PAGE - 1);
    let start = start.next_multiple_of(PAGE);
    let Some(length) = end.checked_sub(start).filter(|length| *length > 0) else { return };
    let start = std::ptr::with_exposed_provenance_mut(start);
    // SAFETY: the range is whole pages of a part of this program that is mapped from its file, private, and
    // never written to (it may not be, and there are no text relocations; relocated data lies in another
    // part). So dropping its pages loses nothing: the next access maps the same bytes again. Where the page
    // size is larger than 4 KiB the calls may answer EINVAL, and nothing is given back.
    unsafe {
        libc::munlock(start, length);
        libc::madvise(start, length, libc::MADV_DONTNEED);
    }
}
