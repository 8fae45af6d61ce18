use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;

use crate::sys;

/// Before anything is read: no core file, and no ptrace or /proc/PID/mem by the site's user, who may
/// share this uid. core(5), PR_SET_DUMPABLE(2const). Neither can fail for a process about itself.
pub fn early() {
    let _ = prctl::set_dumpable(false);
    // An ignored CHLD, which exec keeps, would have the kernel reap every child unseen: waitpid(2).
    sys::default_disposition(Signal::SIGCHLD);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}
