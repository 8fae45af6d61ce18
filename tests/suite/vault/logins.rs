//! The eight ways in.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use keybearer::config::VaultMethod;
use keybearer::helper::{Answer, Credential, Failure, Got, Kind, Request, SourceRequest, Work};
use keybearer::secrets::Secret;
use serde_json::json;

use super::{SourceExt, expect_failure, fetch, fetch_within, fetched, look, one, shown, token_of};
use crate::harness::{Bench, DEADLINE, VaultServer, ask_store, free_port, once};

/// A document, and the policy that lets it be read.
fn document(server: &VaultServer) -> (String, String) {
    let mount = server.mount_kv(2);
    server.post(&format!("{mount}/data/p"), &json!({ "data": { "A": "1" } }));
    let policy = server.policy(&[(&format!("{mount}/data/p"), &["read"])]);
    (mount, policy)
}

/// It reads the document, and leaves a token for the next helper, which needs no login.
#[track_caller]
fn expect_login(source: impl Fn() -> SourceRequest) {
    let got = fetch(source()).unwrap();
    assert_eq!(shown(&got.entries), [("A", "1")]);
    assert!(got.state.is_some());
    let mut next = source().state(&got.state);
    let ca = |what: &Credential| matches!(what, Credential::CaCertificates);
    next.credentials.retain(|(what, _)| ca(what));
    let again = fetch(next).unwrap();
    assert_eq!(shown(&again.entries), [("A", "1")]);
}

#[track_caller]
fn expect_refused(
    server: &VaultServer,
    result: Result<Got, Failure>,
    auth: &str,
    status: u16,
    check: &str,
) {
    let failure = result.expect_err("it must fail");
    let said = failure.message.replace(server.address(), "{at}");
    let cause = format!("{{at}} refuses the login at 'auth/{auth}' (HTTP {status}); check {check}");
    assert_eq!(failure.kind, Kind::Refused);
    assert_eq!(said.split_once("/p': ").map(|(_, cause)| cause), Some(&*cause), "{said}");
}

#[test]
fn a_token_may_end_in_a_new_line() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let (mount, _) = document(&server);
    for method in [VaultMethod::Token, VaultMethod::TokenFile] {
        let token = format!("{}\n", server.root_token());
        let source = server.source(&mount, "p").with(Credential::Token, &token);
        let got = fetch(source.vault(|vault| vault.auth.method = method)).unwrap();
        assert_eq!((shown(&got.entries), got.state), (vec![("A", "1")], None));
    }
}

#[test]
fn no_token_at_all_is_said_before_anybody_is_asked() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    let without = |method| {
        let source = server.source("secret", "p").with(Credential::Token, " \n");
        source.vault(|vault| vault.auth.method = method)
    };
    let message = "Vault 'secret/p': there is no token; set VAULT_TOKEN, or another auth method";
    expect_failure(&server, fetch(without(VaultMethod::Token)), Kind::Wrong, message);
    let message = "Vault 'secret/p': there is no token; its token-file is empty";
    expect_failure(&server, fetch(without(VaultMethod::TokenFile)), Kind::Wrong, message);
    assert!(server.requests().is_empty());
}

/// The mount, the role-id and a role with these options.
fn approle_role(server: &VaultServer, role: &serde_json::Value) -> (String, String) {
    let auth = server.enable("approle");
    server.post(&format!("auth/{auth}/role/site"), role);
    let id = server.get(&format!("auth/{auth}/role/site/role-id"));
    (auth, id["data"]["role_id"].as_str().unwrap().to_owned())
}

#[test]
fn approle() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let (mount, policy) = document(&server);
    let (auth, role_id) =
        approle_role(&server, &json!({ "token_policies": [policy], "token_ttl": "1h" }));
    let secret = server.post(&format!("auth/{auth}/role/site/secret-id"), &json!({}));
    let secret_id = secret["data"]["secret_id"].as_str().unwrap();
    let source = |secret_id: &str| {
        let source = server.source(&mount, "p").auth(VaultMethod::AppRole, &auth);
        let source = source.with(Credential::RoleId, &format!("{role_id}\n"));
        source.with(Credential::SecretId, &format!("{secret_id}\n"))
    };
    expect_login(|| source(secret_id));
    expect_refused(&server, fetch(source("wrong")), &auth, 400, "role-id and secret-id");
    // The role-id is no secret: the config may hold it.
    let mut inline = source(secret_id).vault(|vault| vault.auth.role_id = Some(role_id.clone()));
    inline.credentials.retain(|(what, _)| *what != Credential::RoleId);
    assert_eq!(shown(&fetch(inline).unwrap().entries), [("A", "1")]);
    let mut neither = source(secret_id);
    neither.credentials.retain(|(what, _)| *what != Credential::RoleId);
    let message = format!("Vault '{mount}/p': its auth wants role-id-file");
    expect_failure(&server, fetch(neither), Kind::Wrong, &message);
}

#[test]
fn a_wrapped_secret_id_is_unwrapped_once_and_kept() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let (mount, policy) = document(&server);
    let (auth, role_id) =
        approle_role(&server, &json!({ "token_policies": [policy], "token_ttl": "1h" }));
    let wrapped = || server.wrapped(&format!("auth/{auth}/role/site/secret-id"));
    let source = |wrapping: &str| {
        let source = server.source(&mount, "p").auth(VaultMethod::AppRole, &auth);
        let source = source.with(Credential::RoleId, &role_id);
        source.with(Credential::SecretId, wrapping).vault(|vault| vault.auth.wrapped = true)
    };
    let wrapping = wrapped();
    let got = fetch(source(&wrapping)).unwrap();
    assert_eq!(shown(&got.entries), [("A", "1")]);
    // With the token dead the next login takes the secret-id that was unwrapped then.
    server.post("auth/token/revoke", &json!({ "token": token_of(&got) }));
    let again = fetch(source(&wrapping).state(&got.state)).unwrap();
    assert_eq!(shown(&again.entries), [("A", "1")]);
    // Without what was kept it is used up.
    let message = format!(
        "Vault '{mount}/p': {{at}} does not unwrap the secret-id (HTTP 400): it has been unwrapped before, or its time is over; put a new one into secret-id-file, and look who took the old one"
    );
    expect_failure(&server, fetch(source(&wrapping)), Kind::Refused, &message);
    // A new one counts, whatever was kept of the old one.
    server.post("auth/token/revoke", &json!({ "token": token_of(&again) }));
    assert_eq!(
        shown(&fetch(source(&wrapped()).state(&again.state)).unwrap().entries),
        [("A", "1")]
    );
}

/// A secret-id that can be had only once is not lost with what fails after it was had.
#[test]
fn an_unwrapped_secret_id_outlives_a_failure() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    let (mount, policy) = document(&server);
    let (auth, role_id) =
        approle_role(&server, &json!({ "token_policies": [policy], "token_ttl": "1h" }));
    let wrapping = server.wrapped(&format!("auth/{auth}/role/site/secret-id"));
    let source = |state: &Option<Secret>| {
        let source = server.source(&mount, "p").auth(VaultMethod::AppRole, &auth);
        let source = source.with(Credential::RoleId, &role_id).state(state);
        source.with(Credential::SecretId, &wrapping).vault(|vault| vault.auth.wrapped = true)
    };
    // A look would have nowhere to leave it.
    server.requests();
    assert_eq!(look(source(&None)), Ok(None));
    assert_eq!(server.requests(), [""; 0]);

    let soon = Duration::from_secs(3);
    let mut state = None;
    for (on, fault) in
        [("/login", json!(503)), ("/data/p", json!(503)), ("/data/p", json!("silence"))]
    {
        server.fault(on, fault, &json!({}));
        let failure = fetch_within(soon, source(&state)).unwrap_err();
        assert_eq!(failure.kind, Kind::Unreachable);
        assert!(failure.state.is_some(), "{on}");
        state = failure.state;
    }
    server.no_fault();
    assert_eq!(shown(&fetch(source(&state)).unwrap().entries), [("A", "1")]);
    let asked = server.requests();
    let times = |what: &str| asked.iter().filter(|request| request.contains(what)).count();
    assert_eq!(times("sys/wrapping/unwrap"), 1, "{asked:?}");
    // The token of the second time is not lost either.
    let from_then_on = asked.iter().skip_while(|request| !request.contains("/data/p"));
    assert_eq!(from_then_on.filter(|request| request.contains("/login")).count(), 0, "{asked:?}");
}

/// Nobody is accused where an answer of ours may be what got lost.
#[test]
fn what_serves_once_may_be_used_up_by_a_lost_answer() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    let (mount, policy) = document(&server);
    let (auth, role_id) =
        approle_role(&server, &json!({ "token_policies": [policy], "secret_id_num_uses": 1 }));
    let path = format!("auth/{auth}/role/site/secret-id");
    let source = |secret_id: &str| {
        let source = server.source(&mount, "p").auth(VaultMethod::AppRole, &auth);
        source.with(Credential::RoleId, &role_id).with(Credential::SecretId, secret_id)
    };
    let lost = json!({ "after": true, "times": 1 });
    let wrapping = server.wrapped(&path);
    server.fault("sys/wrapping/unwrap", 502, &lost);
    let wrapped = source(&wrapping).vault(|vault| vault.auth.wrapped = true);
    let message = format!(
        "Vault '{mount}/p': {{at}} does not unwrap the secret-id (HTTP 400): it was asked 2 times, and an answer that was lost may have used it up; put a new one into secret-id-file"
    );
    expect_failure(&server, fetch(wrapped), Kind::Refused, &message);
    let secret = server.post(&path, &json!({}));
    server.fault(&format!("auth/{auth}/login"), 502, &lost);
    let message = format!(
        "Vault '{mount}/p': {{at}} refuses the login at 'auth/{auth}' (HTTP 400), for which it was asked 2 times; check role-id and secret-id; where the secret-id is good for one login, an answer that was lost has used it up: put a new one into secret-id-file"
    );
    let result = fetch(source(secret["data"]["secret_id"].as_str().unwrap()));
    expect_failure(&server, result, Kind::Refused, &message);
}

#[test]
fn userpass() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let (mount, policy) = document(&server);
    let auth = server.enable("userpass");
    let user = json!({ "password": "p ä\"ss ", "token_policies": [policy] });
    server.post(&format!("auth/{auth}/users/site"), &user);
    let source = |password: &str| {
        let source = server.source(&mount, "p").auth(VaultMethod::Userpass, &auth);
        let source = source.with(Credential::Password, password);
        source.vault(|vault| vault.auth.username = Some("site".to_owned()))
    };
    expect_login(|| source("p ä\"ss \n"));
    expect_refused(&server, fetch(source("wrong")), &auth, 400, "username and password");
}

#[test]
fn jwt() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::real_or_new(&bench) else { return };
    let (mount, policy) = document(&server);
    let auth = server.enable("jwt");
    let key = bench.path("jwt.pem");
    openssl(&["genrsa", "-out", key.to_str().unwrap(), "2048"], b"");
    let public = openssl(&["rsa", "-in", key.to_str().unwrap(), "-pubout"], b"");
    let public = String::from_utf8(public).unwrap();
    server.post(&format!("auth/{auth}/config"), &json!({ "jwt_validation_pubkeys": [public] }));
    let role = json!({
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": ["vault"],
        "token_policies": [policy],
    });
    server.post(&format!("auth/{auth}/role/site"), &role);
    let source = |jwt: &str| {
        let source = server.source(&mount, "p").auth(VaultMethod::Jwt, &auth);
        let source = source.with(Credential::Jwt, jwt);
        source.vault(|vault| vault.auth.role = Some("site".to_owned()))
    };
    let good = signed(&key, "vault");
    expect_login(|| source(&format!("{good}\n")));
    let another = fetch(source(&signed(&key, "another")));
    expect_refused(&server, another, &auth, 400, "the role and the JWT");
}

fn signed(key: &Path, audience: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let claims =
        json!({ "sub": "site", "aud": audience, "iat": now, "nbf": now - 60, "exp": now + 600 });
    let part = |json: &serde_json::Value| url_base64(json.to_string().as_bytes());
    let text = format!("{}.{}", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(&claims));
    let signature = openssl(&["dgst", "-sha256", "-sign", key.to_str().unwrap()], text.as_bytes());
    format!("{text}.{}", url_base64(&signature))
}

fn url_base64(bytes: &[u8]) -> String {
    let text = String::from_utf8(openssl(&["base64", "-A"], bytes)).unwrap();
    text.trim().trim_end_matches('=').replace('+', "-").replace('/', "_")
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    output.stdout
}

#[test]
fn kubernetes() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    let (mount, policy) = document(&server);
    let auth = server.enable("kubernetes");
    server.post(
        &format!("auth/{auth}/config"),
        &json!({ "accepted_jwts": ["service.account.token"] }),
    );
    server.post(&format!("auth/{auth}/role/site"), &json!({ "token_policies": [policy] }));
    let source = |jwt: &str| {
        let source = server.source(&mount, "p").auth(VaultMethod::Kubernetes, &auth);
        let source = source.with(Credential::Jwt, jwt);
        source.vault(|vault| vault.auth.role = Some("site".to_owned()))
    };
    expect_login(|| source("service.account.token"));
    let another = fetch(source("another.account.token"));
    expect_refused(&server, another, &auth, 403, "the role and its service account");
    let message = format!("Vault '{mount}/p': its auth wants role");
    let without = source("service.account.token").vault(|vault| vault.auth.role = None);
    expect_failure(&server, fetch(without), Kind::Wrong, &message);
}

#[test]
fn cert() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    let (mount, policy) = document(&server);
    let auth = server.enable("cert");
    let certificate = fs::read_to_string(server.client_cert()).unwrap();
    let key = fs::read_to_string(server.client_key()).unwrap();
    let known = json!({ "certificate": certificate, "token_policies": [policy] });
    server.post(&format!("auth/{auth}/certs/site"), &known);
    let bare = || server.source(&mount, "p").auth(VaultMethod::Cert, &auth);
    let with = || {
        let source = bare().with(Credential::ClientCertificate, &certificate);
        source.with(Credential::ClientKey, &key)
    };
    expect_login(with);
    let role = |role: &str| {
        let role = Some(role.to_owned());
        with().vault(|vault| vault.auth.role = role)
    };
    expect_login(|| role("site"));
    for source in [role("another"), bare()] {
        let check = "client-cert, and role where it is set";
        expect_refused(&server, fetch(source), &auth, 400, check);
    }
    let message = format!("Vault '{mount}/p': client-cert and client-key go together");
    let half = bare().with(Credential::ClientCertificate, &certificate);
    expect_failure(&server, fetch(half), Kind::Wrong, &message);
}

#[test]
fn aws_iam() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    let (mount, policy) = document(&server);
    let auth = server.enable("aws");
    server.post(
        &format!("auth/{auth}/config/client"),
        &json!({ "iam_server_id_header_value": "vault.test" }),
    );
    let role = json!({ "token_policies": [policy], "access_key_ids": ["AKIDEXAMPLE"] });
    server.post(&format!("auth/{auth}/role/site"), &role);
    let source = |server_id: &str| {
        let server_id = Some(server_id.to_owned());
        server.source(&mount, "p").auth(VaultMethod::AwsIam, &auth).vault(|vault| {
            vault.auth.role = Some("site".to_owned());
            vault.auth.server_id = server_id;
            vault.auth.region = Some("eu-central-1".to_owned());
        })
    };
    let ask = |source, variables: &[(&str, &str)]| -> Answer {
        ask_store(&Request { within: DEADLINE, work: Work::Fetch(vec![source]) }, variables)
    };
    let keys = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "canary-key")];
    let got = one(fetched(ask(source("vault.test"), &keys))).unwrap();
    assert_eq!(shown(&got.entries), [("A", "1")]);
    assert_eq!(got.used, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    let check = "the role and the AWS identity that is bound to it";
    let result = one(fetched(ask(source("another"), &keys)));
    expect_refused(&server, result, &auth, 400, check);
    let other = [("AWS_ACCESS_KEY_ID", "AKIDOTHER"), ("AWS_SECRET_ACCESS_KEY", "canary-key")];
    let result = one(fetched(ask(source("vault.test"), &other)));
    expect_refused(&server, result, &auth, 403, check);
    let result = one(fetched(ask(source("vault.test"), &[])));
    let message = format!(
        "Vault '{mount}/p': AWS login: no credentials; looked in the environment, the profile, web identity, container and instance metadata"
    );
    expect_failure(&server, result, Kind::Refused, &message);
}

/// A container's endpoint for credentials: it fails, and answers whoever asks again.
fn credentials_at_the_second_try() -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let keys = r#"{"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"k","Token":"t","Expiration":"2999-01-01T00:00:00Z"}"#;
    let answering = thread::spawn(move || {
        for (status, body) in [("500 Internal Server Error", ""), ("200 OK", keys)] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                asked.push(byte[0]);
            }
            let length = body.len();
            write!(stream, "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").unwrap();
        }
    });
    (port, answering)
}

/// A store of credentials that is away is no store that says no.
#[test]
fn aws_iam_waits_for_its_credentials() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    let (mount, policy) = document(&server);
    let auth = server.enable("aws");
    let role = json!({ "token_policies": [policy], "access_key_ids": ["AKIDEXAMPLE"] });
    server.post(&format!("auth/{auth}/role/site"), &role);
    let fetch = |within, port: u16| {
        let source = server.source(&mount, "p").auth(VaultMethod::AwsIam, &auth);
        let source = source.vault(|vault| vault.auth.role = Some("site".to_owned()));
        let url = format!("http://127.0.0.1:{port}/");
        let request = Request { within, work: Work::Fetch(vec![source]) };
        one(fetched(ask_store(&request, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)])))
    };
    let message = format!("Vault '{mount}/p': AWS login: no credentials: connection refused");
    let away = fetch(Duration::from_secs(3), free_port());
    expect_failure(&server, away, Kind::Unreachable, &message);
    let (port, answering) = credentials_at_the_second_try();
    assert_eq!(shown(&fetch(DEADLINE, port).unwrap().entries), [("A", "1")]);
    answering.join().unwrap();
}

#[test]
fn a_method_that_is_not_mounted_there_is_named() {
    once!();
    let bench = Bench::new();
    let Some(server) = VaultServer::new(&bench) else { return };
    server.fault("auth/userpass/login", 404, &json!({}));
    let source = server.source("secret", "p").auth(VaultMethod::Userpass, "/userpass/");
    let source = source.with(Credential::Password, "x");
    let source = source.vault(|vault| vault.auth.username = Some("site".to_owned()));
    expect_failure(
        &server,
        fetch(source),
        Kind::Wrong,
        "Vault 'secret/p': {at} has no auth method at 'auth/userpass' (HTTP 404); check the mount of auth, and namespace",
    );
}
