use nix::errno::Errno;
use nix::unistd::{Gid, Uid, getegid, geteuid, getgroups, setegid, seteuid, setgroups};

use crate::account::Account;
use crate::exit::Exit;
use crate::privileges::stay_undumpable;
use crate::sys;

/// Does `work` under the effective ids of the site, so that a socket is the site's and lies where the
/// site may write: root without DAC_OVERRIDE could neither make nor remove it. seteuid(2)
pub(super) fn under_ids_of<T>(account: &Account, work: impl FnOnce() -> T) -> Result<T, Errno> {
    if !account.switch {
        return Ok(work());
    }
    let own = Ids::now()?;
    let result = own.exchange(account).map(|()| work());
    own.take_back();
    result
}

/// Does `work` under the site's effective group alone: what is made there is still keybearer's, and
/// opened to that group without the capability that chown(2) would need.
pub fn under_group_of<T>(account: &Account, work: impl FnOnce() -> T) -> Result<T, Errno> {
    if !account.switch {
        return Ok(work());
    }
    let own = Ids::now()?;
    let result = setegid(account.gid).map(|()| work());
    own.take_back();
    result
}

struct Ids {
    groups: Vec<Gid>,
    gid: Gid,
    uid: Uid,
}

impl Ids {
    fn now() -> Result<Ids, Errno> {
        Ok(Ids { groups: getgroups()?, gid: getegid(), uid: geteuid() })
    }

    fn exchange(&self, account: &Account) -> Result<(), Errno> {
        setgroups(&account.groups)?;
        setegid(account.gid)?;
        seteuid(account.uid)
    }

    /// A supervisor that stays somebody else would do the wrong things from here on.
    fn take_back(&self) {
        let taken = seteuid(self.uid).and(setegid(self.gid)).and(setgroups(&self.groups));
        if let Err(error) = taken {
            crate::log::error(format_args!("cannot take back its own ids: {error}; ending"));
            sys::exit_now(i32::from(Exit::Refused.code()));
        }
        stay_undumpable();
    }
}
