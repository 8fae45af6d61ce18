use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::unistd::Pid;
use serde_json::Value;

use super::{
    Bench, DEADLINE, Invocation, Mode, Outcome, Running, TestSite, eventually, eventually_within,
    key, proc,
};

/// A site of tests/site under `keybearer run`, with its config and its env file, and an operator
/// who gives commands.
#[derive(Debug)]
pub struct Operated<'a> {
    bench: &'a Bench,
    site: &'a TestSite<'a>,
    /// The instance's name, which the runtime directory goes by.
    name: String,
    config: PathBuf,
    server: Running,
}

impl<'a> Operated<'a> {
    /// Serving, with `key(0)`. The config is what every site needs, then `more`.
    #[track_caller]
    pub fn start(bench: &'a Bench, site: &'a TestSite<'a>, more: &str) -> Operated<'a> {
        Operated::start_command(bench, site, &site.command(), more)
    }

    /// The same with another command in front of the site's own.
    #[track_caller]
    pub fn start_command(
        bench: &'a Bench,
        site: &'a TestSite<'a>,
        command: &[String],
        more: &str,
    ) -> Operated<'a> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("site-{}-{number}", std::process::id());
        bench.may_be_written();
        write_env(bench, site, &format!("SECRET_KEY={}\n", key(0)));
        let user = if Mode::current().is_root() { "user = \"{user}\"\n" } else { "" };
        let text = format!(
            "command = {command:?}\n{user}directory = {:?}\n\
             [[source]]\ntype = \"env-file\"\npath = \"{{dir}}/site.env\"\n\
             [listen]\nsockets = [{:?}]\n\
             {more}",
            site.directory(),
            site.address(),
        );
        let config = bench.file(&format!("{name}.toml"), bench.fill(&text), 0o644);
        let run = bench.keybearer(["run", "--config"]).arg(&config).args(["--name", &name]);
        let server = run.spawn();
        server.wait_for_line("serving on");
        Operated { bench, site, name, config, server }
    }

    pub fn supervisor(&self) -> &Running {
        &self.server
    }

    /// `keybearer rotate`, with these words after it.
    pub fn rotate(&self, words: &[&str]) -> Invocation<'a> {
        let rotate = self.bench.keybearer(["rotate"]).args(words).arg("--config");
        rotate.arg(&self.config)
    }

    pub fn reload(&self) -> Invocation<'a> {
        self.bench.keybearer(["reload", &self.name])
    }

    pub fn status(&self) -> Invocation<'a> {
        self.bench.keybearer(["status", &self.name])
    }

    /// What `status --json` says.
    #[track_caller]
    pub fn status_json(&self) -> Value {
        let said = self.status().arg("--json").run().expect_code(0).stdout;
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("no JSON ({error}): {said}"))
    }

    /// Waits until the status is as the test wants it: where a signal brings no answer.
    #[track_caller]
    pub fn wait_for_status(&self, what: &str, wanted: impl Fn(&Value) -> bool) {
        eventually_within(2 * DEADLINE, what, || wanted(&self.status_json()));
    }

    /// What the operator writes into the env file: beside the site's own variables.
    pub fn write_env(&self, text: &str) {
        write_env(self.bench, self.site, text);
    }

    /// The env file as it is.
    pub fn document(&self) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.bench.path("site.env")).unwrap();
        let lines = text.lines().filter_map(|line| line.split_once('='));
        lines
            .map(|(name, value)| (name.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
            .collect()
    }

    /// Puts another SECRET_KEY into the env file and leaves everything else there as it is.
    pub fn replace_key(&self, new: &str) {
        let path = self.bench.path("site.env");
        let old = fs::read_to_string(&path).unwrap();
        let lines = old.lines().map(|line| match line.starts_with("SECRET_KEY=") {
            true => format!("SECRET_KEY={new}\n"),
            false => format!("{line}\n"),
        });
        // In place, so that owner and mode stay.
        fs::write(path, lines.collect::<String>()).unwrap();
    }

    /// The first process of the generation that serves, when there is only one.
    #[track_caller]
    pub fn generation(&self) -> Pid {
        eventually("one generation", || self.server.child_pids().len() == 1);
        self.server.child_pid()
    }

    /// Waits until one generation alone is there, and this variable of it has this value. Longer
    /// than others wait, since a new key takes two generations.
    #[track_caller]
    pub fn wait_for_generation(&self, name: &str, value: &str) -> Pid {
        let found = || match self.server.child_pids()[..] {
            [only] if proc::variable(only, name).as_deref() == Some(value) => Some(only),
            _ => None,
        };
        eventually_within(2 * DEADLINE, "a generation with the new environment", || {
            found().is_some()
        });
        found().expect("seen a moment ago")
    }

    pub fn into_running(self) -> Running {
        self.server
    }

    /// Told to stop: how it ended.
    #[track_caller]
    pub fn stop(self) -> Outcome {
        self.server.signal(nix::sys::signal::Signal::SIGTERM);
        self.server.wait()
    }
}

fn write_env(bench: &Bench, site: &TestSite<'_>, text: &str) {
    let variables = site.variables().into_iter();
    let lines: String = variables.map(|(name, value)| format!("{name}={value}\n")).collect();
    bench.env_file(&format!("{text}{lines}"));
}
