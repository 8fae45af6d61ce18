use std::fs::File;
use std::io::{self, IsTerminal};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{
    Gid, Uid, getgroups, getresgid, getresuid, setgid, setgroups, setresgid, setresuid, setuid,
};

use super::{Failure, Stage};
use crate::account::Account;
use crate::sys::{self, Capabilities, Capability, CapabilitySet};

/// What the supervisor keeps: becoming the site's user for the next generation, and signalling it.
const KEPT: &[Capability] = &[Capability::SetUid, Capability::SetGid, Capability::Kill];

/// The supervisor gives up what it does not need for the rest of its life. The bounding set is emptied
/// (it limits what exec may grant, not what is held now: capabilities(7)), so that nothing that is ever
/// started from here gains a capability.
pub fn shed() -> io::Result<()> {
    let held = Capabilities::get()?;
    if held.effective.has(Capability::SetPcap) {
        Capabilities::empty_bounding_set()?;
    }
    Capabilities::empty_ambient_set()?;
    let kept = held.permitted.and(CapabilitySet::of(KEPT));
    Capabilities { effective: kept, permitted: kept, inheritable: CapabilitySet::EMPTY }.set()?;
    prctl::set_no_new_privs()?;
    stay_undumpable();
    Ok(())
}

/// In a child of root that still holds SETPCAP, as a command that has not shed it does.
pub fn empty_bounding_set() -> Result<(), Errno> {
    let empty = || {
        if Capabilities::get()?.effective.has(Capability::SetPcap) {
            Capabilities::empty_bounding_set()?;
        }
        Ok(())
    };
    empty().map_err(|error: io::Error| errno(&error))
}

/// A change of the effective ids sets this flag to fs.suid_dumpable, which is not 0 everywhere:
/// PR_SET_DUMPABLE(2const), proc_sys_fs(5). It cannot fail with 0.
pub fn stay_undumpable() {
    let _ = prctl::set_dumpable(false);
}

/// In the process that will be somebody else's: groups, gid, uid, capabilities, then proof that root is gone.
pub fn become_account(account: &Account) -> Result<(), Failure> {
    let at = |stage| move |error| Failure { stage, error };
    if account.switch {
        leave_session_keyring()?;
        setgroups(&account.groups).map_err(at(Stage::Groups))?;
        setresgid(account.gid, account.gid, account.gid).map_err(at(Stage::Gid))?;
        setresuid(account.uid, account.uid, account.uid).map_err(at(Stage::Uid))?;
    }
    let clear = || {
        Capabilities::empty_ambient_set()?;
        Capabilities::default().set()
    };
    clear().map_err(|error| Failure { stage: Stage::Capabilities, error: errno(&error) })?;
    prctl::set_no_new_privs().map_err(at(Stage::NoNewPrivileges))?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(at(Stage::CoreLimit))?;
    if account.switch {
        leave_terminal_input()?;
    }
    prove(account).map_err(at(Stage::Proof))
}

/// The operator's session keyring stays his. Before the ids are set, since the new one counts against
/// the quota of its maker, and the site could have used up its own: keyrings(7).
fn leave_session_keyring() -> Result<(), Failure> {
    match sys::leave_session_keyring() {
        // A kernel without keyrings, and a container's filter that hides them.
        Err(error) if !matches!(errno(&error), Errno::ENOSYS | Errno::EPERM) => {
            Err(Failure { stage: Stage::Keyring, error: errno(&error) })
        }
        Err(_) | Ok(()) => Ok(()),
    }
}

/// Nor can the site type into a terminal of the operator's, where it has one.
fn leave_terminal_input() -> Result<(), Failure> {
    let terminal = io::stdin().is_terminal()
        || io::stdout().is_terminal()
        || io::stderr().is_terminal()
        || File::open("/dev/tty").is_ok();
    match terminal.then(sys::forbid_terminal_input) {
        Some(Err(error)) => Err(Failure { stage: Stage::TerminalInput, error: errno(&error) }),
        Some(Ok(())) | None => Ok(()),
    }
}

/// Tries to get root back, and fails where that works.
fn prove(account: &Account) -> Result<(), Errno> {
    let uids = getresuid()?;
    let gids = getresgid()?;
    let ours = [uids.real, uids.effective, uids.saved].iter().all(|uid| *uid == account.uid)
        && [gids.real, gids.effective, gids.saved].iter().all(|gid| *gid == account.gid);
    let root = Uid::from_raw(0);
    let regained = setuid(root).is_ok()
        || setresuid(root, root, root).is_ok()
        || (account.switch && setgid(Gid::from_raw(0)).is_ok());
    let bare = Capabilities::get().is_ok_and(|held| held == Capabilities::default());
    let mut groups = getgroups()?;
    let mut wanted = account.groups.clone();
    groups.sort_by_key(|gid| gid.as_raw());
    wanted.sort_by_key(|gid| gid.as_raw());
    groups.dedup();
    wanted.dedup();
    if ours && !regained && bare && (!account.switch || groups == wanted) {
        Ok(())
    } else {
        Err(Errno::EPERM)
    }
}

pub fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}
