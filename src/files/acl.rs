//! The POSIX ACL of a file, as system.posix_acl_access holds it (acl(5), linux/posix_acl_xattr.h):
//! a version of four bytes, then entries of tag, permissions and id, all little-endian.

const VERSION: u32 = 2;
const ENTRY: usize = 8;

const USER: u16 = 0x02;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;

/// Whether the ACL gives anybody by name more than the mode says. Entries for `uid` itself do not
/// count where `own` says so: systemd opens credentials to a unit's User= in that way.
pub(super) fn opens(attribute: &[u8], own: Option<u32>) -> bool {
    let Some(entries) = entries(attribute) else {
        // Not understood is not trusted.
        return true;
    };
    // acl(5): the mask bounds named users, named groups and the owning group.
    let mask = entries.iter().find(|e| e.tag == MASK).map_or(0o7, |e| e.permissions);
    entries.iter().any(|entry| match entry.tag {
        USER => Some(entry.id) != own && entry.permissions & mask != 0,
        GROUP => entry.permissions & mask != 0,
        _ => false,
    })
}

struct Entry {
    tag: u16,
    permissions: u16,
    id: u32,
}

fn entries(attribute: &[u8]) -> Option<Vec<Entry>> {
    let (version, rest) = attribute.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != VERSION || rest.len() % ENTRY != 0 {
        return None;
    }
    let (chunks, _) = rest.as_chunks::<ENTRY>();
    let entry = |[t0, t1, p0, p1, i0, i1, i2, i3]: &[u8; ENTRY]| Entry {
        tag: u16::from_le_bytes([*t0, *t1]),
        permissions: u16::from_le_bytes([*p0, *p1]),
        id: u32::from_le_bytes([*i0, *i1, *i2, *i3]),
    };
    Some(chunks.iter().map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        for (tag, permissions, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(permissions.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn the_mask_bounds_named_entries() {
        let none = u32::MAX;
        let minimal = [(0x01, 6, none), (0x04, 4, none), (0x20, 0, none)];
        assert!(!opens(&attribute(&minimal), None));
        for (entry, mask, expected) in [
            ((USER, 4, 1000), 4, true),
            ((USER, 4, 1000), 0, false),
            ((USER, 2, 1000), 4, false),
            ((USER, 0, 1000), 7, false),
            ((GROUP, 4, 1000), 6, true),
            ((GROUP, 4, 1000), 2, false),
        ] {
            let acl =
                attribute(&[(1, 6, none), entry, (4, 4, none), (MASK, mask, none), (32, 0, none)]);
            assert_eq!(opens(&acl, None), expected, "{entry:?} under {mask}");
        }
        let own = attribute(&[(1, 4, none), (USER, 4, 7), (4, 0, none), (MASK, 4, none)]);
        assert!(!opens(&own, Some(7)));
        assert!(opens(&own, Some(8)));
    }

    #[test]
    fn what_is_not_understood_counts_as_open() {
        for bad in [&b""[..], b"\x01\0\0\0", b"\x02\0\0\0\x01"] {
            assert!(opens(bad, None), "{bad:?}");
        }
    }
}
