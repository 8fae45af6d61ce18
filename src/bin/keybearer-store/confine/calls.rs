use std::collections::BTreeMap;
use std::env::consts::ARCH;

use nix::libc::{self, c_long};
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

/// Whatever their arguments: they move bytes through descriptors that are open, look at time and at
/// files, and keep threads and memory.
const PLAIN: &[c_long] = &[
    // Descriptors.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fcntl,
    libc::SYS_pipe2,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    // Sockets; which of them may be made is said below.
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    // A look at files.
    libc::SYS_newfstatat,
    libc::SYS_fstat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    // Memory.
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    // Threads and their signals.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Time and chance.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    // Who and where it is.
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getresuid,
    libc::SYS_getresgid,
    libc::SYS_getgroups,
    libc::SYS_getrusage,
    libc::SYS_uname,
    libc::SYS_sysinfo,
];

/// The same under the names that only the older architecture has.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_wait,
    libc::SYS_pipe,
    libc::SYS_dup2,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_getrlimit,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// From now on there are these calls and no others: no execve, ptrace, mount, bpf or io_uring, no new
/// process, no other process's memory, no file opened for writing.
///
/// What is not here does not exist (ENOSYS), rather than being forbidden or deadly: a library that
/// tries a newer call falls back to an older one on that error alone (clone3 to clone, whose arguments a
/// filter can see), and what nobody thought of costs an error line and not the site its secrets. seccomp(2)
pub(super) fn restrict() -> Result<(), Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in PLAIN.iter().chain(OLDER) {
        rules.insert(*call, Vec::new());
    }
    for (call, allowed) in limited() {
        let one = |condition: SeccompCondition| SeccompRule::new(vec![condition]);
        let of_call = allowed.into_iter().map(|condition| one(condition?));
        rules.insert(call, of_call.collect::<Result<_, _>>()?);
    }
    let unknown = SeccompAction::Errno(libc::ENOSYS as u32);
    let filter = SeccompFilter::new(rules, unknown, SeccompAction::Allow, ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)
}

type Condition = Result<SeccompCondition, seccompiler::BackendError>;

/// Those that depend on an argument: one of the conditions has to hold.
fn limited() -> Vec<(c_long, Vec<Condition>)> {
    let own = u64::from(std::process::id());
    let reading = SeccompCmpOp::MaskedEq((libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC) as u64);
    let thread = libc::CLONE_THREAD as u64;
    let mut limited = vec![
        (libc::SYS_openat, vec![when(2, reading.clone(), libc::O_RDONLY as u64)]),
        (libc::SYS_clone, vec![when(0, SeccompCmpOp::MaskedEq(thread), thread)]),
        // Its own threads alone, for abort(3).
        (libc::SYS_tgkill, vec![is(0, own)]),
        (libc::SYS_prlimit64, vec![is(0, 0), is(0, own)]),
        (libc::SYS_prctl, any(0, &[libc::PR_SET_NAME as u64, PR_SET_VMA])),
        (libc::SYS_ioctl, any(1, &REQUESTS)),
        (libc::SYS_socket, any(0, &FAMILIES.map(|family| family as u64))),
        (libc::SYS_socketpair, vec![is(0, libc::AF_UNIX as u64)]),
    ];
    #[cfg(target_arch = "x86_64")]
    limited.push((libc::SYS_open, vec![when(1, reading, libc::O_RDONLY as u64)]));
    limited
}

/// Not blocking, what is there to read, close-on-exec, and whether it is a terminal.
// An int in one C library and a long in another.
#[allow(clippy::unnecessary_cast)]
const REQUESTS: [u64; 4] =
    [libc::FIONBIO as u64, libc::FIONREAD as u64, libc::FIOCLEX as u64, libc::TCGETS as u64];

/// The internet; the name services that are asked on this host; and which addresses it has.
const FAMILIES: [libc::c_int; 4] = [libc::AF_INET, libc::AF_INET6, libc::AF_UNIX, libc::AF_NETLINK];

/// Names for its memory, which the C library and the allocator give: PR_SET_VMA(2const)
const PR_SET_VMA: u64 = 0x5356_4d41;

fn any(argument: u8, values: &[u64]) -> Vec<Condition> {
    values.iter().map(|value| is(argument, *value)).collect()
}

fn is(argument: u8, value: u64) -> Condition {
    when(argument, SeccompCmpOp::Eq, value)
}

/// The lower half decides: the arguments in question are ints to the kernel, and of `clone` the flags
/// that matter are there.
fn when(argument: u8, operator: SeccompCmpOp, value: u64) -> Condition {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No safe code can try these, as confine/tests.rs does the others.
    #[test]
    fn what_nobody_may_add_is_not_there() {
        let limited = limited().into_iter().map(|(call, _)| call);
        let there: Vec<c_long> = PLAIN.iter().chain(OLDER).copied().chain(limited).collect();
        for call in [
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_pidfd_getfd,
            libc::SYS_io_uring_setup,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
            libc::SYS_keyctl,
            libc::SYS_add_key,
            libc::SYS_mount,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_chroot,
            libc::SYS_listen,
            libc::SYS_accept4,
            libc::SYS_openat2,
            libc::SYS_open_by_handle_at,
            libc::SYS_memfd_create,
            libc::SYS_clone3,
            libc::SYS_kill,
            libc::SYS_tkill,
            libc::SYS_pidfd_send_signal,
        ] {
            assert!(!there.contains(&call), "{call}");
        }
    }
}
