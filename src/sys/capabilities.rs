use std::io;

use nix::libc::{self, c_int};

/// The capabilities that keybearer speaks of by name; numbers from capabilities(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Capability {
    Kill = 5,
    SetGid = 6,
    SetUid = 7,
    SetPcap = 8,
}

/// A set of capabilities, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapabilitySet(u64);

impl CapabilitySet {
    pub const EMPTY: CapabilitySet = CapabilitySet(0);

    pub fn of(capabilities: &[Capability]) -> Self {
        CapabilitySet(capabilities.iter().fold(0, |set, c| set | 1 << *c as u32))
    }

    pub fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u32) != 0
    }

    pub fn and(self, other: CapabilitySet) -> Self {
        CapabilitySet(self.0 & other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The three sets of this thread that capget(2) and capset(2) know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub effective: CapabilitySet,
    pub permitted: CapabilitySet,
    pub inheritable: CapabilitySet,
}

/// `_LINUX_CAPABILITY_VERSION_3`: two 32-bit halves.
const VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Half {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

impl Capabilities {
    pub fn get() -> io::Result<Self> {
        let mut header = Header { version: VERSION_3, pid: 0 };
        let mut halves = [Half::default(); 2];
        // SAFETY: version 3 of capget(2) writes two halves; both pointers are to live memory of
        // that size for the time of the call.
        let result =
            unsafe { libc::syscall(libc::SYS_capget, &raw mut header, halves.as_mut_ptr()) };
        if result == -1 {
            return Err(io::Error::last_os_error());
        }
        let join = |part: fn(&Half) -> u32| {
            CapabilitySet(u64::from(part(&halves[0])) | u64::from(part(&halves[1])) << 32)
        };
        Ok(Capabilities {
            effective: join(|h| h.effective),
            permitted: join(|h| h.permitted),
            inheritable: join(|h| h.inheritable),
        })
    }

    pub fn set(self) -> io::Result<()> {
        let mut header = Header { version: VERSION_3, pid: 0 };
        let half = |shift: u32| Half {
            effective: (self.effective.0 >> shift) as u32,
            permitted: (self.permitted.0 >> shift) as u32,
            inheritable: (self.inheritable.0 >> shift) as u32,
        };
        let halves = [half(0), half(32)];
        // SAFETY: version 3 of capset(2) reads two halves; both pointers are to live memory of
        // that size for the time of the call.
        let result = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, halves.as_ptr()) };
        if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Empties the bounding set; needs SETPCAP. EINVAL is past the kernel's last capability:
    /// PR_CAPBSET_DROP(2const).
    pub fn empty_bounding_set() -> io::Result<()> {
        for number in 0..64 as libc::c_ulong {
            // SAFETY: PR_CAPBSET_DROP takes one number and touches no memory.
            if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) } == -1 {
                let error = io::Error::last_os_error();
                let past_the_end = error.raw_os_error() == Some(libc::EINVAL) && number > 0;
                return if past_the_end { Ok(()) } else { Err(error) };
            }
        }
        Ok(())
    }

    /// Empties the ambient set; EINVAL is a kernel before 4.3, which has none.
    pub fn empty_ambient_set() -> io::Result<()> {
        // SAFETY: PR_CAP_AMBIENT takes numbers only.
        let result = unsafe {
            libc::prctl(
                libc::PR_CAP_AMBIENT,
                libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong,
                0,
                0,
                0,
            )
        };
        if result == -1 {
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(libc::EINVAL) {
                return Err(error);
            }
        }
        Ok(())
    }
}
