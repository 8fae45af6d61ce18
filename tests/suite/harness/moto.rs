use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use keybearer::config::{AwsAccess, AwsSecret, Remote};
use keybearer::helper::{Credential, SourceRequest};
use keybearer::secrets::Secret;
use serde_json::{Value, json};

use super::{Bench, Running, venv};

/// An AWS of one test's own: tests/stores/aws/serve.py.
#[derive(Debug)]
pub struct Moto<'a> {
    bench: &'a Bench,
    server: Running,
    tls: u16,
    plain: u16,
    answers: u16,
    credentials: u16,
}

/// Of every test here that does not say otherwise.
const REGION: &str = "eu-west-1";

impl<'a> Moto<'a> {
    /// None, and said so, without the kit.
    pub fn new(bench: &'a Bench) -> Option<Moto<'a>> {
        let python = venv("python")?;
        let script = std::env::current_dir().unwrap().join("tests/stores/aws/serve.py");
        // In every mode a user who may write there.
        let dir = bench.site_dir("aws");
        let server = bench.program(python).by_site().arg("-B").arg(script).arg(dir).spawn();
        let ready = server.wait_for_stdout("ready ");
        let ports: Vec<u16> =
            ready.split(' ').skip(1).map(|port| port.trim().parse().unwrap()).collect();
        let [tls, plain, answers, credentials] = ports[..] else { panic!("four ports: {ready}") };
        Some(Moto { bench, server, tls, plain, answers, credentials })
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.tls)
    }

    /// Where every path is one way to go wrong.
    pub fn wrong_url(&self, way: &str) -> String {
        format!("https://localhost:{}/{way}", self.answers)
    }

    /// Where every path is one way to go wrong, and where SSO answers.
    pub fn answers(&self) -> u16 {
        self.answers
    }

    /// Where an instance, or a container, gets its credentials.
    pub fn credentials_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.credentials)
    }

    pub fn ca(&self) -> PathBuf {
        self.bench.path("aws/ca.pem")
    }

    /// What an operator's shell would hold.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", "ENVIRONMENTKEY".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
            ("AWS_ENDPOINT_URL_STS", self.url()),
        ]
    }

    pub fn access(&self) -> AwsAccess {
        AwsAccess {
            region: Some(REGION.to_owned()),
            endpoint: Some(self.url()),
            ca_file: Some(self.ca()),
            ..AwsAccess::default()
        }
    }

    pub fn secret(&self, name: &str) -> AwsSecret {
        AwsSecret { secret: name.to_owned(), access: self.access(), ..AwsSecret::default() }
    }

    /// With the CA that the config names, as keybearer would have read it.
    pub fn source(&self, remote: Remote) -> SourceRequest {
        let ca = Secret::new(fs::read_to_string(self.ca()).unwrap());
        let credentials = vec![(Credential::CaCertificates, ca)];
        SourceRequest { remote, credentials, state: None, history: Vec::new() }
    }

    /// What is asked of moto directly, past the program under test.
    #[track_caller]
    pub fn call(&self, target: &str, input: &Value) -> Value {
        self.call_as("TEST", target, input)
    }

    #[track_caller]
    fn call_as(&self, key: &str, target: &str, input: &Value) -> Value {
        let service = if target.starts_with("AmazonSSM") { "ssm" } else { "secretsmanager" };
        let body = input.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.plain)).unwrap();
        write!(
            stream,
            "POST / HTTP/1.0\r\nHost: {service}.{REGION}.amazonaws.com\r\nX-Amz-Target: {target}\r\n\
             Content-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential={key}/20260101/{REGION}/{service}/aws4_request, \
             SignedHeaders=host, Signature=0\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{target}: {answer}");
        serde_json::from_str(body).unwrap()
    }

    /// The id of its first version.
    pub fn create(&self, name: &str, value: &str) -> String {
        let input = json!({"Name": name, "SecretString": value});
        let answer = self.call("secretsmanager.CreateSecret", &input);
        answer["VersionId"].as_str().unwrap().to_owned()
    }

    /// The id of the version.
    pub fn put(&self, name: &str, value: &str) -> String {
        let input = json!({"SecretId": name, "SecretString": value});
        let answer = self.call("secretsmanager.PutSecretValue", &input);
        answer["VersionId"].as_str().unwrap().to_owned()
    }

    pub fn value(&self, name: &str, stage: &str) -> String {
        let input = json!({"SecretId": name, "VersionStage": stage});
        let answer = self.call("secretsmanager.GetSecretValue", &input);
        answer["SecretString"].as_str().unwrap().to_owned()
    }

    /// Everything that was asked so far, one request a line: who, and what.
    pub fn asked(&self) -> Vec<String> {
        // One request more, which comes after all that the test waits for.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let key = format!("LAST{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.call_as(&key, "secretsmanager.GetRandomPassword", &json!({}));
        self.server.wait_for_stdout(&key);
        let said = self.server.stdout();
        let lines = said.lines().filter(|line| !line.contains(" LAST") && !line.contains(" TEST "));
        lines.skip(1).map(str::to_owned).collect()
    }
}
