use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use keybearer::helper::{Answer, encode_answer};

use crate::harness::{Bench, Invocation, keybearer, proc};

/// A copy of keybearer, and a program of the test's own beside it.
pub struct StandIn<'a> {
    bench: &'a Bench,
}

impl<'a> StandIn<'a> {
    pub fn new(bench: &'a Bench) -> StandIn<'a> {
        let standing = StandIn::alone(bench);
        let source = bench.file("stand_in.c", include_str!("stand_in.c"), 0o644);
        let directory = format!("-DDIR=\"{}\"", bench.dir().display());
        let gcc = std::process::Command::new("/usr/bin/gcc")
            .args(["-w", &directory, "-o"])
            .arg(standing.path())
            .arg(source)
            .status();
        assert!(gcc.unwrap().success());
        standing.mode(0o755);
        standing.does("hang");
        standing
    }

    /// Without anything beside it.
    pub fn alone(bench: &'a Bench) -> StandIn<'a> {
        let directory = bench.path("bin");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(keybearer(), directory.join("keybearer")).unwrap();
        StandIn { bench }
    }

    pub fn path(&self) -> PathBuf {
        self.bench.path("bin/keybearer-store")
    }

    pub fn mode(&self, mode: u32) {
        fs::set_permissions(self.path(), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// `crash`, `exit`, `close`, `hang`: when it has heard its request.
    pub fn does(&self, what: &str) {
        self.bench.file("do", what, 0o644);
    }

    /// These bytes, one at a time; then it hangs.
    pub fn says(&self, bytes: &[u8]) {
        self.bench.file("answer", bytes, 0o644);
        self.does("answer");
    }

    pub fn answers(&self, answer: &Answer) {
        let message = encode_answer(answer);
        self.says(&[&(message.len() as u64).to_be_bytes()[..], &message].concat());
    }

    /// `keybearer COMMAND` of a site whose only source is in a store.
    pub fn keybearer(&self, command: &str, config: &str) -> Invocation<'a> {
        // Nothing listens on the discard port.
        site(self.bench, self.bench.path("bin/keybearer"), command, 9, config)
    }

    /// How many of it there are.
    pub fn processes(&self) -> usize {
        let ours = |pid| {
            std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == self.path())
        };
        proc::processes().into_iter().filter(|process| ours(process.pid)).count()
    }
}

/// A site with a document in a Vault that listens on `port`, or does not.
pub fn site<'a>(
    bench: &'a Bench,
    program: PathBuf,
    command: &str,
    port: u16,
    config: &str,
) -> Invocation<'a> {
    let source = "type = \"vault\"\nmount = \"secret\"\npath = \"example/prod\"";
    let config = format!("{config}\n[[source]]\n{source}\naddress = \"http://127.0.0.1:{port}\"\n");
    let keybearer = bench.program(program).env("KEYBEARER_NAME", bench.name());
    let keybearer = match bench.session() {
        Some(session) => keybearer.env("XDG_RUNTIME_DIR", session),
        None => keybearer,
    };
    keybearer
        .env("VAULT_TOKEN", "a-token-of-the-test")
        .args([command, "--config"])
        .arg(bench.config(&config))
        .user_flags()
}
