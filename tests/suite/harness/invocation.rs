use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Bench, Mode, Outcome, Running};

/// One start of a program: a clean environment, no standard input, a process group of its own.
#[derive(Debug)]
pub struct Invocation<'a> {
    bench: &'a Bench,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    directory: Option<PathBuf>,
    stdin: Option<Vec<u8>>,
    through: Vec<OsString>,
    mode: Mode,
}

impl<'a> Invocation<'a> {
    pub fn new(bench: &'a Bench, program: PathBuf) -> Invocation<'a> {
        let environment = [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("LANG", "C.UTF-8"),
        ];
        Invocation {
            bench,
            program,
            arguments: Vec::new(),
            environment: environment.iter().map(|(k, v)| (k.into(), v.into())).collect(),
            directory: None,
            stdin: None,
            through: Vec::new(),
            mode: Mode::current(),
        }
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// `--user` and the site's user, where keybearer is root.
    pub fn user_flags(self) -> Self {
        if self.mode.is_root() {
            let user = self.bench.site().name.clone();
            self.args(["--user", &user])
        } else {
            self
        }
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// `keybearer` without the bench's name: what it is called by default.
    pub fn nameless(self) -> Self {
        self.env("KEYBEARER_NAME", "")
    }

    pub fn cwd(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// What the program reads; then it sees the end.
    pub fn stdin(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(content.into());
        self
    }

    /// Another program that ends by becoming this one: `prlimit`, `env --ignore-signal`, `strace`.
    /// It runs before the mode is entered, with the rights of the tests.
    pub fn through<A: AsRef<OsStr>>(mut self, wrapper: impl IntoIterator<Item = A>) -> Self {
        self.through.extend(wrapper.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// As the site's user, whatever the mode: what the site itself would do.
    pub fn by_site(mut self) -> Self {
        self.mode = Mode::User;
        self
    }

    /// Runs to the end.
    #[track_caller]
    pub fn run(self) -> Outcome {
        self.spawn().wait()
    }

    #[track_caller]
    pub fn spawn(self) -> Running {
        let mut words = self.through;
        words.extend(self.mode.wrapper().into_iter().map(OsString::from));
        words.push(self.program.into());
        words.extend(self.arguments);

        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .envs(self.environment)
            .current_dir(self.directory.as_deref().unwrap_or(self.bench.dir()))
            .stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("cannot start {words:?}: {error}"),
        };
        Running::new(child, self.stdin, self.bench)
    }
}
