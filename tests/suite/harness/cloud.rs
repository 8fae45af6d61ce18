use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use keybearer::helper::{Credential, SourceRequest};
use keybearer::secrets::Secret;
use serde_json::{Value, json};

use super::vault::plain_http;
use super::{Bench, venv};

/// A cloud's store of one test's own: tests/stores/google or tests/stores/azure, over TLS with its own CA and
/// over plain HTTP, both on loopback.
#[derive(Debug)]
pub struct CloudServer {
    said: Value,
    child: Child,
}

impl CloudServer {
    /// Waits until it listens. None, and said so, where the tests' Python is missing.
    pub fn new(bench: &Bench, cloud: &str) -> Option<CloudServer> {
        let python = venv("python")?;
        let dir = bench.path(cloud);
        fs::create_dir(&dir).unwrap();
        let mut child = Command::new(python)
            .arg("-B")
            .arg(format!("tests/stores/{cloud}/serve.py"))
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).expect("the test cloud did not start");
        Some(CloudServer { said, child })
    }

    /// https://127.0.0.1:PORT
    pub fn address(&self) -> String {
        format!("https://127.0.0.1:{}", self.said["port"])
    }

    /// The same server without TLS.
    pub fn plain_address(&self) -> String {
        format!("http://{}", self.plain_host())
    }

    pub fn plain_host(&self) -> String {
        format!("127.0.0.1:{}", self.said["plain_port"])
    }

    /// What it said of itself when it started: credentials that it takes.
    pub fn said(&self, what: &str) -> &Value {
        &self.said[what]
    }

    #[track_caller]
    pub fn word(&self, what: &str) -> &str {
        self.said[what].as_str().unwrap()
    }

    pub fn ca(&self) -> PathBuf {
        PathBuf::from(self.word("ca"))
    }

    /// Which it is trusted by.
    pub fn ca_credential(&self) -> (Credential, Secret) {
        let text = fs::read_to_string(self.ca()).unwrap();
        (Credential::CaCertificates, Secret::new(text))
    }

    pub fn other_ca(&self) -> String {
        fs::read_to_string(self.word("other_ca")).unwrap()
    }

    /// Each request for a path that contains `on` is answered so: a status, or "silence", "truncate",
    /// "flood", "drip". `more`: "times", "skip" (so many are answered before), "body", "headers", "method", "after" (it is done, and then fails).
    #[track_caller]
    pub fn fault(&self, on: &str, fault: impl Into<Value>, more: &Value) {
        let mut body = json!({ "on": on, "fault": fault.into() });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.switch("fault", &body);
    }

    #[track_caller]
    pub fn no_fault(&self) {
        self.switch("fault", &Value::Null);
    }

    /// `GET /v1/...` of each request since the last time, in their order.
    #[track_caller]
    pub fn requests(&self) -> Vec<String> {
        let said = self.switch("requests", &Value::Null);
        said.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    pub fn switch(&self, what: &str, body: &Value) -> Value {
        let path = format!("/test/{what}");
        let (status, mut answer) =
            plain_http(&self.plain_host(), "POST", &path, &[], body.to_string().as_bytes());
        assert_eq!(status, 200);
        answer["data"].take()
    }
}

/// Instead of the one it has.
pub fn with(mut source: SourceRequest, credential: Credential, value: &str) -> SourceRequest {
    source.credentials.retain(|(what, _)| *what != credential);
    source.credentials.push((credential, Secret::new(value.to_owned())));
    source
}

impl Drop for CloudServer {
    fn drop(&mut self) {
        // The end of its standard input.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
