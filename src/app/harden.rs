use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

/// Before anything is read: no core file, and no ptrace or /proc/PID/mem by the site's user, who may
/// share this uid. core(5), PR_SET_DUMPABLE(2const). Neither can fail for a process about itself.
pub fn early() {
    let _ = prctl::set_dumpable(false);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}
