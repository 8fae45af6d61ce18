use std::io::Write;
use std::sync::OnceLock;

use super::Account;

/// As what keybearer runs; `KEYBEARER_TEST_AS` says it. The tests themselves run as root where
/// they can, so that they may look into every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Root with every capability.
    Root,
    /// Root with SETUID, SETGID and KILL alone in the bounding set, as in a hardened unit.
    Three,
    /// An ordinary user: the site's own.
    User,
}

impl Mode {
    pub fn current() -> Mode {
        static MODE: OnceLock<Mode> = OnceLock::new();
        *MODE.get_or_init(|| {
            let root = nix::unistd::geteuid().is_root();
            match std::env::var("KEYBEARER_TEST_AS").as_deref() {
                Ok("root") if root => Mode::Root,
                Ok("three") if root => Mode::Three,
                Ok("user") => Mode::User,
                Ok(other) => {
                    panic!("KEYBEARER_TEST_AS={other}: root, three (both as root) or user")
                }
                Err(_) if root => Mode::Root,
                Err(_) => Mode::User,
            }
        })
    }

    /// The first of the modes that this machine allows: for what keybearer has no part in, and for
    /// what takes long.
    pub fn is_first(self) -> bool {
        self == Mode::Root || !nix::unistd::geteuid().is_root()
    }

    pub fn is_root(self) -> bool {
        match self {
            Mode::Root | Mode::Three => true,
            Mode::User => false,
        }
    }

    /// What stands before a program so that it runs in this mode; setpriv becomes the program, so
    /// the process id stays.
    pub fn wrapper(self) -> Vec<String> {
        let setpriv = |arguments: &[&str]| {
            let mut wrapper = vec!["/usr/bin/setpriv".to_owned()];
            wrapper.extend(arguments.iter().map(|argument| (*argument).to_owned()));
            wrapper.push("--".to_owned());
            wrapper
        };
        match self {
            Mode::Three => {
                setpriv(&["--bounding-set=-all,+setuid,+setgid,+kill", "--inh-caps=-all"])
            }
            Mode::User if nix::unistd::geteuid().is_root() => {
                let site = Account::site();
                setpriv(&[
                    &format!("--reuid={}", site.uid),
                    &format!("--regid={}", site.gid),
                    "--clear-groups",
                    "--inh-caps=-all",
                ])
            }
            Mode::Root | Mode::User => Vec::new(),
        }
    }
}

/// Says that the running test is not run. `tests/run` counts these lines, so they go around the
/// test runner's capture.
pub fn skip(reason: &str) {
    say(&format!("SKIPPED ({reason})"), "");
}

/// What the running test has measured, shown though it passes.
pub fn show(measured: &dyn std::fmt::Display) {
    say("MEASURED", &format!(": {measured}"));
}

fn say(what: &str, more: &str) {
    let name = std::thread::current().name().unwrap_or("?").to_owned();
    let line = format!("{what}: {name}{more}\n");
    // One write, so that lines of two tests do not mix. If nobody reads, nobody misses it.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Leaves the test where keybearer runs as an ordinary user.
macro_rules! requires_root {
    () => {
        if !$crate::harness::Mode::current().is_root() {
            return $crate::harness::skip("needs root");
        }
    };
}
pub(crate) use requires_root;

/// Leaves the test where the tests themselves are not root: they could not make what it needs.
macro_rules! requires_root_tests {
    () => {
        if !nix::unistd::geteuid().is_root() {
            return $crate::harness::skip("needs tests that are root");
        }
    };
}
pub(crate) use requires_root_tests;

/// Leaves the test in all modes but the first.
macro_rules! once {
    () => {
        if !$crate::harness::Mode::current().is_first() {
            return $crate::harness::skip("one mode is enough");
        }
    };
}
pub(crate) use once;
