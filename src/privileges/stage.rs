use nix::errno::Errno;

/// Where on the way to exec it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Session,
    Group,
    Descriptors,
    Groups,
    Gid,
    Uid,
    Capabilities,
    NoNewPrivileges,
    CoreLimit,
    Limits,
    Keyring,
    TerminalInput,
    Proof,
    ParentDeath,
    Directory,
    Signals,
    Exec,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub stage: Stage,
    pub error: Errno,
}

impl Stage {
    const ALL: [Stage; 17] = [
        Stage::Session,
        Stage::Group,
        Stage::Descriptors,
        Stage::Groups,
        Stage::Gid,
        Stage::Uid,
        Stage::Capabilities,
        Stage::NoNewPrivileges,
        Stage::CoreLimit,
        Stage::Limits,
        Stage::Keyring,
        Stage::TerminalInput,
        Stage::Proof,
        Stage::ParentDeath,
        Stage::Directory,
        Stage::Signals,
        Stage::Exec,
    ];

    pub fn what(self) -> &'static str {
        match self {
            Stage::Session => "setsid",
            Stage::Group => "setpgid",
            Stage::Descriptors => "placing the descriptors",
            Stage::Groups => "setgroups",
            Stage::Gid => "setresgid",
            Stage::Uid => "setresuid",
            Stage::Capabilities => "capset",
            Stage::NoNewPrivileges => "no_new_privs",
            Stage::CoreLimit => "setrlimit of the core size",
            Stage::Limits => "setrlimit",
            Stage::Keyring => "leaving the session keyring",
            Stage::TerminalInput => "forbidding writes into the terminal's input",
            Stage::Proof => "the proof that root cannot come back",
            Stage::ParentDeath => "asking for a signal when keybearer dies",
            Stage::Directory => "chdir",
            Stage::Signals => "sigprocmask",
            Stage::Exec => "execve",
        }
    }
}

impl Failure {
    /// For the close-on-exec pipe between child and parent.
    pub fn to_bytes(self) -> [u8; 5] {
        let [a, b, c, d] = (self.error as i32).to_ne_bytes();
        [self.stage as u8, a, b, c, d]
    }

    pub fn from_bytes(bytes: [u8; 5]) -> Option<Failure> {
        let [stage, a, b, c, d] = bytes;
        let stage = *Stage::ALL.get(usize::from(stage))?;
        Some(Failure { stage, error: Errno::from_raw(i32::from_ne_bytes([a, b, c, d])) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_crosses_the_pipe() {
        for stage in Stage::ALL {
            let failure = Failure { stage, error: Errno::EACCES };
            assert_eq!(Failure::from_bytes(failure.to_bytes()), Some(failure));
        }
        assert_eq!(Failure::from_bytes([17, 0, 0, 0, 0]), None);
    }
}
