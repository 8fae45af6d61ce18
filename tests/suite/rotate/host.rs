use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use keybearer::secrets::Secret;
use nix::sys::signal::Signal;
use regex_lite::Regex;
use serde_json::Value;

use crate::harness::{Bench, Invocation, Mode, Outcome, Running, eventually, proc};

/// One env file and the instances that read it, on a machine where no other instance runs: one that
/// does not answer keeps `rotate` from everything.
pub(super) struct Host {
    pub bench: Bench,
    /// Has a /run of its own.
    namespace: Option<Running>,
}

impl Host {
    pub fn new(env: &str) -> Host {
        let bench = Bench::new();
        let namespace = (Mode::current().is_root() && isolated()).then(|| {
            let script = "mount -t tmpfs -o mode=755 tmpfs /run && echo ready && exec sleep 1000";
            let apart = ["--mount", "--propagation", "private", "/bin/sh", "-c", script];
            // Not in the mode of this run: with three capabilities nobody mounts.
            let mut command = std::process::Command::new("/usr/bin/unshare");
            command.args(apart).stdin(std::process::Stdio::null());
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            let namespace = Running::new(command.spawn().unwrap(), None, &bench);
            namespace.wait_for_stdout("ready");
            namespace
        });
        bench.site_dir("run");
        writable(&bench);
        bench.env_file(env);
        Host { bench, namespace }
    }

    pub fn env_path(&self) -> PathBuf {
        self.bench.path("site.env")
    }

    pub fn keybearer(&self, words: &[&str]) -> Invocation<'_> {
        let keybearer = self.bench.keybearer(words).nameless();
        match &self.namespace {
            Some(namespace) => {
                let space = format!("--mount=/proc/{}/ns/mnt", namespace.pid());
                let directory = format!("--wd={}", self.bench.dir().display());
                keybearer.through(["/usr/bin/nsenter", &space, &directory, "--"])
            }
            None => keybearer,
        }
    }

    /// Another program in the host's own /run, with the rights of the tests.
    pub fn in_its_place(&self, words: &[&str]) {
        let Some(namespace) = &self.namespace else { return };
        let mut command = std::process::Command::new("/usr/bin/nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", namespace.pid())).arg("--").args(words);
        assert!(command.status().unwrap().success(), "{words:?}");
    }

    /// The config file of this name: the env file, and `more`.
    pub fn config(&self, name: &str, more: &str) -> PathBuf {
        let user = if Mode::current().is_root() { "user = \"{user}\"\n" } else { "" };
        let text = format!(
            "command = [\"/bin/sleep\", \"1000\"]\n{user}\
             [[source]]\ntype = \"env-file\"\npath = \"{{dir}}/site.env\"\n\
             [ready]\nsettle = \"0s\"\n\
             [listen]\nsockets = [\"unix:{{dir}}/run/{name}.sock\"]\n{more}"
        );
        self.bench.file(&format!("{name}.toml"), self.bench.fill(&text), 0o644)
    }

    /// An instance with that config, as soon as it serves.
    pub fn start(&self, name: &str, more: &str) -> Running {
        let config = self.config(name, more);
        let running = self.keybearer(&["run", "--config"]).arg(config).spawn();
        running.wait_for_line("serving on");
        running
    }

    /// `rotate` with the config of this name.
    pub fn rotate(&self, name: &str, words: &[&str]) -> Invocation<'_> {
        let config = self.bench.path(&format!("{name}.toml"));
        self.keybearer(&["rotate", "--config"]).arg(config).args(words)
    }

    #[track_caller]
    pub fn status(&self, name: &str) -> Value {
        let said = self.keybearer(&["status", "--json", name]).run().expect_code(0).stdout;
        serde_json::from_str(&said).unwrap()
    }

    pub fn text(&self) -> String {
        fs::read_to_string(self.env_path()).unwrap()
    }

    /// What the env file holds.
    pub fn document(&self) -> Document {
        let text = self.text();
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let plain = |(name, value): (&str, &str)| {
            (name.to_owned(), value.trim_matches(['\'', '"']).to_owned())
        };
        Document(lines.map(plain).collect())
    }

    /// The record with every time in it moved by so many days into the past.
    pub fn pass_days(&self, days: u64) {
        let text = self.text();
        let time = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap();
        let moved = time.replace_all(&text, |found: &regex_lite::Captures<'_>| {
            let at: keybearer::moment::Moment = found[0].parse().unwrap();
            (at - std::time::Duration::from_secs(days * 86_400)).to_string()
        });
        fs::write(self.env_path(), moved.as_bytes()).unwrap();
    }

    /// No output holds a key that the document has or had.
    #[track_caller]
    pub fn holds_no_key(&self, outcome: Outcome) -> Outcome {
        let document = self.document();
        document.keys().into_iter().fold(outcome, |outcome, key| outcome.expect_nowhere(&key))
    }
}

/// Whoever owns the file puts another in its place: he must own the directory too.
pub(super) fn writable(bench: &Bench) {
    if !Mode::current().is_root() {
        bench.site().owns(bench.dir());
    }
}

fn isolated() -> bool {
    static ANSWER: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *ANSWER.get_or_init(|| {
        let mut unshare = std::process::Command::new("/usr/bin/unshare");
        unshare.args(["--mount", "true"]).stderr(std::process::Stdio::null());
        unshare.status().is_ok_and(|status| status.success())
    })
}

pub(super) struct Document(BTreeMap<String, String>);

impl Document {
    #[track_caller]
    pub fn key(&self) -> &str {
        &self.0["SECRET_KEY"]
    }

    pub fn fallbacks(&self) -> Vec<&str> {
        let list = self.0.get("SECRET_KEY_FALLBACKS").map_or("", String::as_str);
        list.split(',').filter(|key| !key.is_empty()).collect()
    }

    pub fn next(&self) -> Option<&str> {
        self.0.get("SECRET_KEY_NEXT").map(String::as_str)
    }

    pub fn record(&self) -> &str {
        self.0.get("KEYBEARER_ROTATION").map_or("", String::as_str)
    }

    pub fn keys(&self) -> Vec<String> {
        let all = [self.key()].into_iter().chain(self.fallbacks()).chain(self.next());
        all.map(str::to_owned).collect()
    }
}

pub(super) fn print(key: &str) -> String {
    Secret::new(key.to_owned()).fingerprint().to_string()
}

/// Without the times: how long something took is `N`, when it was or will be `T`.
pub(super) fn timeless(text: &str) -> String {
    let text =
        Regex::new(r"after \d+\.\d\d s").unwrap().replace_all(text, "after N s").into_owned();
    let text = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap().replace_all(&text, "T");
    Regex::new(r" +\d+\.\d\d\n").unwrap().replace_all(&text, " N\n").into_owned()
}

/// Whether the server of this instance has exactly these keys.
#[track_caller]
pub(super) fn runs(running: &Running, key: &str, fallbacks: &[&str]) {
    // The one before may still be ending.
    eventually("one generation", || running.child_pids().len() == 1);
    let environment = proc::environ(running.child_pid());
    assert_eq!(environment["SECRET_KEY"], key);
    assert_eq!(environment["SECRET_KEY_FALLBACKS"].split(',').collect::<Vec<_>>(), fallbacks);
}

#[track_caller]
pub(super) fn end(running: Running) -> Outcome {
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(143)
}
