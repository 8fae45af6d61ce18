//! Nothing that was asked with and nothing that came back shows in a message or on standard error.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use keybearer::config::VaultMethod;
use keybearer::helper::{self, Answer, Credential, Request, SourceRequest, Work};
use serde_json::{Value, json};

use super::{SourceExt, fetched, one};
use crate::harness::{Bench, VaultServer, keybearer, once};

const CANARY: &str = "canary-7f3a";

/// The message, and what the helper has said on standard error with logs at their loudest.
fn heard(bench: &Bench, source: SourceRequest) -> String {
    let request = Request { within: Duration::from_secs(1), work: Work::Fetch(vec![source]) };
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let stderr = bench.path("stderr");
    let mut child = Command::new(keybearer().with_file_name("keybearer-store"))
        .env_clear()
        .envs([("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full"), ("VAULT_SKIP_VERIFY", "")])
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(File::create(&stderr).unwrap())
        .spawn()
        .unwrap();
    let bytes = helper::encode_request(&request);
    ours.write_all(&(bytes.len() as u64).to_be_bytes()).unwrap();
    ours.write_all(&bytes).unwrap();
    let mut answer = Vec::new();
    ours.read_to_end(&mut answer).unwrap();
    assert!(child.wait().unwrap().success());
    let answer: Answer = helper::decode_answer(&answer[8..]).unwrap();
    let failure = one(fetched(answer)).expect_err("it must fail");
    let mut said = failure.message;
    File::open(stderr).unwrap().read_to_string(&mut said).unwrap();
    said
}

#[test]
fn no_body_shows_whatever_the_status() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    let bodies = [
        json!({ "errors": [CANARY] }).to_string(),
        json!({ "data": { "data": CANARY, "metadata": { "version": CANARY } } }).to_string(),
        json!({ "data": { "data": { CANARY: CANARY }, "metadata": {} } }).to_string(),
        format!("{{\"data\": \"{CANARY}"),
        format!("<html>{CANARY}"),
    ];
    for status in [200, 302, 400, 403, 404, 418, 429, 500, 503] {
        for body in &bodies {
            let more = json!({ "body": body, "headers": { "Location": format!("/{CANARY}"), "X-Other": CANARY } });
            server.fault("secret/", status, &more);
            let said = heard(&bench, server.source("secret", "p"));
            assert!(said.starts_with("Vault 'secret/p': ") && !said.contains(CANARY), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
}

#[test]
fn no_credential_shows() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    let plain = |method| server.source("secret", "p").auth(method, "m");
    let sources: Vec<(Value, SourceRequest)> = vec![
        (json!(403), server.source("secret", "p").with(Credential::Token, CANARY)),
        (
            json!(403),
            server.source("secret", "p").with(Credential::Token, &format!("{CANARY}\u{1}é\n2")),
        ),
        (
            json!(400),
            plain(VaultMethod::AppRole)
                .with(Credential::RoleId, CANARY)
                .with(Credential::SecretId, CANARY),
        ),
        (
            json!(400),
            plain(VaultMethod::AppRole)
                .with(Credential::RoleId, CANARY)
                .with(Credential::SecretId, CANARY)
                .vault(|vault| vault.auth.wrapped = true),
        ),
        (
            json!(403),
            plain(VaultMethod::Kubernetes)
                .with(Credential::Jwt, CANARY)
                .vault(|vault| vault.auth.role = Some("site".to_owned())),
        ),
        (json!(400), plain(VaultMethod::Jwt).with(Credential::Jwt, CANARY)),
        (
            json!("truncate"),
            plain(VaultMethod::Userpass)
                .with(Credential::Password, CANARY)
                .vault(|vault| vault.auth.username = Some("site".to_owned())),
        ),
        (
            json!(400),
            plain(VaultMethod::Cert)
                .with(Credential::ClientCertificate, CANARY)
                .with(Credential::ClientKey, CANARY),
        ),
        (json!(400), server.source("secret", "p").with(Credential::CaCertificates, CANARY)),
        (
            json!(400),
            server
                .source("secret", "p")
                .vault(|vault| vault.address = format!("https://{CANARY}:{CANARY}@127.0.0.1")),
        ),
    ];
    for (fault, source) in sources {
        server.fault("/", fault, &json!({ "body": json!({ "errors": [CANARY] }).to_string() }));
        let said = heard(&bench, source);
        assert!(said.starts_with("Vault 'secret/p': ") && !said.contains(CANARY), "{said}");
    }
}
