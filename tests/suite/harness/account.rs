use nix::unistd::{Gid, Group, Uid, User, geteuid};

/// A user of the machine.
#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    pub group: String,
    pub uid: u32,
    pub gid: u32,
}

impl Account {
    /// The user whom the site runs as. tests/isolate makes `kbsite`; where there are no namespaces
    /// it is `nobody`, and for an ordinary user it is that user.
    pub fn site() -> Account {
        Account::first_of(&["kbsite", "nobody"])
    }

    /// Somebody who has nothing to do with the site.
    pub fn other() -> Account {
        Account::named("kbother")
            .or_else(|| Account::named("daemon"))
            .expect("the user 'daemon' is on every Debian")
    }

    fn first_of(names: &[&str]) -> Account {
        if !geteuid().is_root() {
            let user = User::from_uid(geteuid()).unwrap();
            return Account::from(user.expect("the user who runs the tests is in /etc/passwd"));
        }
        let found = names.iter().find_map(|name| Account::named(name));
        found.expect("the user 'nobody' is on every Debian")
    }

    fn named(name: &str) -> Option<Account> {
        User::from_name(name).unwrap().map(Account::from)
    }

    pub fn owns(&self, path: &std::path::Path) {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid)).unwrap();
    }
}

impl From<User> for Account {
    fn from(user: User) -> Account {
        let group = Group::from_gid(user.gid).unwrap();
        Account {
            name: user.name,
            group: group.expect("a user's own group has a name").name,
            uid: Uid::as_raw(user.uid),
            gid: Gid::as_raw(user.gid),
        }
    }
}
