//! The last good documents in memory, for when a store is away.

mod refused;
mod running;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::{Bench, Invocation, KEY, Mode, Running, VaultServer};

const SERVER: &str = "command = [\"/bin/sh\", \"-c\", \"echo ready; sleep 1000; :\"]\n";
/// Long enough for a machine that is busy, short enough for a store that never answers.
const MORE: &str = "[ready]\nsettle = \"100ms\"\n[fetch]\nwithin = \"2s\"\n";
const CACHE: &str = "[cache]\nmax-age = \"1h\"\n";
const PASSWORD: &str = "canary-of-a-password";

/// A Vault with a document, and a config that reads it.
struct Setting<'a> {
    bench: &'a Bench,
    vault: VaultServer,
}

impl<'a> Setting<'a> {
    fn new(bench: &'a Bench) -> Option<Setting<'a>> {
        let vault = VaultServer::new(bench)?;
        vault.seed("example/prod", &[("SECRET_KEY", KEY), ("EMAIL_PASSWORD", PASSWORD)]);
        let setting = Setting { bench, vault };
        setting.config(CACHE);
        Some(setting)
    }

    fn config(&self, more: &str) {
        self.config_of("example/prod", more);
    }

    fn config_of(&self, path: &str, more: &str) {
        let user = if Mode::current().is_root() { "user = \"{user}\"\n" } else { "" };
        let ca = std::fs::read(self.vault.ca()).unwrap();
        let ca = self.bench.file("store-ca.pem", ca, 0o644);
        self.bench.config(&format!(
            "{SERVER}{user}[[source]]\ntype = \"vault\"\naddress = \"{}\"\nmount = \"secret\"\n\
             path = \"{path}\"\nca-file = {ca:?}\n{MORE}{more}",
            self.vault.address()
        ));
    }

    fn keybearer(&self, words: &[&str]) -> Invocation<'a> {
        let invocation = self.bench.keybearer(words).arg("--config");
        let invocation = invocation.arg(self.bench.path("site.toml"));
        invocation.env("VAULT_TOKEN", self.vault.root_token())
    }

    fn exec(&self) -> Invocation<'a> {
        self.keybearer(&["exec"]).args(["--", "/usr/bin/env", "-0"])
    }

    #[track_caller]
    fn serving(&self) -> Running {
        let running = self.keybearer(&["run"]).spawn();
        running.wait_for_line("serving");
        running
    }

    /// It answers, and can do nothing.
    fn is_away(&self) {
        self.vault.fault(
            "secret/data",
            503,
            &json!({ "body": "canary-of-a-body", "method": "GET" }),
        );
    }

    fn is_back(&self) {
        self.vault.no_fault();
    }

    fn says_no(&self) {
        self.vault.fault("secret/data", 403, &json!({}));
    }

    fn file(&self) -> PathBuf {
        self.bench.runtime_directory().join(format!("{}.cache", self.bench.name()))
    }

    fn reload(&self) -> Invocation<'a> {
        self.bench.keybearer(["reload", self.bench.name()])
    }

    fn status(&self, form: &str) -> String {
        let status = self.bench.keybearer(["status", self.bench.name()]);
        let status = if form.is_empty() { status } else { status.arg(form) };
        status.run().expect_code(0).stdout
    }

    fn status_json(&self) -> Value {
        serde_json::from_str(&self.status("--json")).unwrap()
    }
}

#[track_caller]
fn ends(running: Running) {
    running.signal(nix::sys::signal::Signal::SIGTERM);
    let outcome = running.wait().expect_code(143);
    outcome.expect_nowhere(KEY).expect_nowhere(PASSWORD).expect_nowhere("canary-of-a-body");
}

/// A directory that whoever keybearer runs as may write.
pub fn place(bench: &Bench) -> PathBuf {
    let path = bench.path("kept");
    std::fs::create_dir(&path).unwrap();
    if !Mode::current().is_root() {
        bench.site().owns(&path);
    }
    path
}
