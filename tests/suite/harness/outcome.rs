use std::collections::BTreeMap;

use super::KEY;

/// How a program ended and what it said. The expectations panic with all of it.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub(super) filled: Vec<(String, &'static str)>,
}

impl Outcome {
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert!(self.code == Some(code), "exit code {code} expected\n{}", self.report());
        self
    }

    /// Standard error, whole; `{dir}` stands for the bench's directory.
    #[track_caller]
    pub fn expect_stderr(self, text: &str) -> Self {
        self.expect_text("stderr", &self.stderr, text);
        self
    }

    #[track_caller]
    pub fn expect_stdout(self, text: &str) -> Self {
        self.expect_text("stdout", &self.stdout, text);
        self
    }

    #[track_caller]
    pub fn expect_stderr_contains(self, text: &str) -> Self {
        let stderr = self.neutral(&self.stderr);
        assert!(stderr.contains(text), "stderr with {text:?} expected\n{}", self.report());
        self
    }

    /// The whole of a refusal: its exit code and its words, nothing on standard output, and never
    /// the key.
    #[track_caller]
    pub fn expect_refusal(self, code: i32, text: &str) -> Self {
        self.expect_code(code).expect_stderr(text).expect_stdout("").expect_nowhere(KEY)
    }

    /// The variables that `env -0` printed: what a server would have seen.
    #[track_caller]
    pub fn environment(self) -> BTreeMap<String, String> {
        let outcome = self.expect_code(0);
        let variables = outcome.stdout.split_terminator('\0').map(|variable| {
            let (name, value) = variable.split_once('=').expect("NAME=value");
            (name.to_owned(), value.to_owned())
        });
        variables.collect()
    }

    /// That a secret is nowhere in what was said.
    #[track_caller]
    pub fn expect_nowhere(self, secret: &str) -> Self {
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            assert!(!text.contains(secret), "{name} holds the secret\n{}", self.report());
        }
        self
    }

    #[track_caller]
    fn expect_text(&self, name: &str, said: &str, text: &str) {
        let said = self.neutral(said);
        let said = said.strip_suffix('\n').unwrap_or(&said);
        assert!(said == text, "{name} expected:\n{text}\n{}", self.report());
    }

    /// With placeholders for what differs between two runs of a test.
    fn neutral(&self, said: &str) -> String {
        let replace = |text: String, (value, name): &(String, &str)| text.replace(value, name);
        self.filled.iter().fold(said.to_owned(), replace)
    }

    fn report(&self) -> String {
        format!(
            "--- code {:?}, signal {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.code,
            self.signal,
            self.neutral(&self.stdout),
            self.neutral(&self.stderr)
        )
    }
}
