use std::io;

use nix::libc;

/// AUDIT_ARCH_* of this machine and of the 32-bit programs that its kernel may also run: audit.h, ELF
/// machine numbers with the bits for 64 and for little endian.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURES: (u32, Option<u32>) = (0xc000_003e, Some(0x4000_0003));
#[cfg(target_arch = "aarch64")]
const ARCHITECTURES: (u32, Option<u32>) = (0xc000_00b7, Some(0x4000_0028));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("name this machine's AUDIT_ARCH_* above");

/// ioctl(2) of i386 and of 32-bit ARM alike.
const IOCTL_32: u32 = 54;
/// From here on the numbers are those of the x32 ABI, which has another ioctl(2); nobody uses it.
const X32: u32 = 0x4000_0000;
/// TIOCLINUX, which can paste a selection: ioctl_console(2).
const TIOCLINUX: u32 = 0x541c;

/// Where the fields of struct seccomp_data begin; the low half of the second argument, little endian.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const REQUEST: u32 = 24;

/// From now on this process and what it starts cannot write into a terminal's input (TIOCSTI,
/// TIOCLINUX): root's shell would read there what the site's user typed. Needs no_new_privs.
/// seccomp(2), TIOCSTI(2const)
pub fn forbid_terminal_input() -> io::Result<()> {
    let (native, other) = ARCHITECTURES;
    let load = |offset| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset);
    let when = |test: u32, value, yes, no| libc::sock_filter {
        code: (libc::BPF_JMP | test | libc::BPF_K) as u16,
        jt: yes,
        jf: no,
        k: value,
    };
    let answer = |value| statement(libc::BPF_RET | libc::BPF_K, value);
    // Jumps count from the next line.
    let mut program = [
        /* 0 */ load(ARCHITECTURE),
        /* 1 */ when(libc::BPF_JEQ, native, 3, 0),
        /* 2 */ when(libc::BPF_JEQ, other.unwrap_or(native), 0, 9),
        /* 3 */ load(NUMBER),
        /* 4 */ when(libc::BPF_JEQ, IOCTL_32, 3, 6),
        /* 5 */ load(NUMBER),
        /* 6 */ when(libc::BPF_JGE, X32, 5, 0),
        /* 7 */ when(libc::BPF_JEQ, libc::SYS_ioctl as u32, 0, 3),
        /* 8 */ load(REQUEST),
        /* 9 */ when(libc::BPF_JEQ, libc::TIOCSTI as u32, 2, 0),
        /* 10 */ when(libc::BPF_JEQ, TIOCLINUX, 1, 0),
        /* 11 */ answer(libc::SECCOMP_RET_ALLOW),
        /* 12 */ answer(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: PR_SET_SECCOMP reads `filter` and the `len` instructions that it points to, all alive
    // for the time of the call; the kernel copies and checks them.
    let result = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER as libc::c_ulong,
            &raw const filter,
        )
    };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

#[cfg(test)]
mod tests {
    use nix::sys::prctl;

    use super::*;

    /// In a process of its own: a filter cannot be taken back.
    #[test]
    fn only_the_two_requests_are_denied() {
        let crate::sys::Forked::Parent(child) = crate::sys::fork().expect("fork") else {
            let request = |number: libc::c_ulong| {
                // SAFETY: on a descriptor that is not open every request answers EBADF untouched.
                unsafe { libc::ioctl(-1, number, std::ptr::null_mut::<u8>()) };
                io::Error::last_os_error().raw_os_error()
            };
            let good = prctl::set_no_new_privs().is_ok()
                && forbid_terminal_input().is_ok()
                && request(libc::TIOCSTI) == Some(libc::EPERM)
                && request(libc::TIOCSTI | 0x1_0000_0000) == Some(libc::EPERM)
                && request(libc::c_ulong::from(TIOCLINUX)) == Some(libc::EPERM)
                && request(libc::TIOCGWINSZ) == Some(libc::EBADF);
            crate::sys::exit_now(i32::from(!good));
        };
        let ended = nix::sys::wait::waitpid(child, None);
        assert_eq!(ended, Ok(nix::sys::wait::WaitStatus::Exited(child, 0)));
    }
}
