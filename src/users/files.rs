use nix::unistd::{Gid, Uid};

use super::{User, number, path, text};

/// One line of group(5).
pub struct Group {
    pub name: String,
    pub gid: Gid,
    pub members: Vec<String>,
}

pub fn users() -> impl Iterator<Item = User> {
    lines("/etc/passwd").into_iter().filter_map(|line| user(&line))
}

pub fn groups() -> impl Iterator<Item = Group> {
    lines("/etc/group").into_iter().filter_map(|line| group(&line))
}

/// A file that is not there has no lines: an image made FROM scratch may have none.
fn lines(file: &str) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(file).unwrap_or_default();
    bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// `name:password:uid:gid:comment:home:shell`
pub(super) fn user(line: &[u8]) -> Option<User> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
    let [name, _, uid, gid, _, home, shell] = fields[..] else { return None };
    Some(User {
        name: text(name),
        uid: Uid::from_raw(number(uid)?),
        gid: Gid::from_raw(number(gid)?),
        home: path(home),
        shell: path(if shell.is_empty() { b"/bin/sh" } else { shell }),
    })
    .filter(|user| !user.name.is_empty())
}

/// `name:password:gid:member,member`
pub(super) fn group(line: &[u8]) -> Option<Group> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
    let [name, _, gid, members] = fields[..] else { return None };
    let members = members.split(|byte| *byte == b',').filter(|name| !name.is_empty());
    Some(Group {
        name: text(name),
        gid: Gid::from_raw(number(gid)?),
        members: members.map(text).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_each() {
        let found = user(b"site:x:1000:1001:A Site,,,:/srv/site:").expect("a user");
        assert_eq!(
            (found.name.as_str(), found.uid.as_raw(), found.gid.as_raw()),
            ("site", 1000, 1001)
        );
        assert_eq!(
            (found.home.to_str(), found.shell.to_str()),
            (Some("/srv/site"), Some("/bin/sh"))
        );
        for bad in
            ["", "#", "+::::::", "site:x:1000:1001:x:/srv", "site:x::1:x:/:/", "s:x:-1:1:x:/:/"]
        {
            assert_eq!(user(bad.as_bytes()), None, "{bad}");
        }
        let found = group(b"web:x:33:a,,b").expect("a group");
        assert_eq!((found.gid.as_raw(), found.members), (33, vec!["a".to_owned(), "b".to_owned()]));
    }

    /// The C library reads the same files.
    #[test]
    fn every_user_here_is_as_the_c_library_says() {
        for ours in users() {
            let theirs = nix::unistd::User::from_name(&ours.name).ok().flatten();
            let theirs = theirs.expect("a user of /etc/passwd");
            assert_eq!((theirs.uid, theirs.gid), (ours.uid, ours.gid), "{}", ours.name);
            assert_eq!((theirs.dir, theirs.shell), (ours.home, ours.shell), "{}", ours.name);
        }
    }
}
