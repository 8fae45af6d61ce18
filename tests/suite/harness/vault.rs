use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use keybearer::config::{Engine, Remote, Vault, VaultAuth, VaultMethod};
use keybearer::helper::{Credential, SourceRequest};
use keybearer::secrets::Secret;
use serde_json::{Value, json};

use super::{Bench, Postgres, eventually, venv};

/// A Vault of one test's own: tests/stores/vault, over TLS with its own CA and over plain HTTP, both on
/// loopback. Or, for the tests that can do with one, a real server: see `real`.
#[derive(Debug)]
pub struct VaultServer {
    address: String,
    /// For what the tests themselves say to it.
    admin: String,
    files: Option<Files>,
    token: String,
    child: Option<Child>,
    /// Paths to delete on a real server when the test has ended.
    made: Mutex<Vec<String>>,
}

#[derive(Debug)]
struct Files {
    ca: PathBuf,
    other_ca: PathBuf,
    client_cert: PathBuf,
    client_key: PathBuf,
}

impl VaultServer {
    /// Waits until it listens. None, and said so, where the tests' Python is missing.
    pub fn new(bench: &Bench) -> Option<VaultServer> {
        let python = venv("python")?;
        let dir = bench.path("vault");
        fs::create_dir(&dir).unwrap();
        let mut child = Command::new(python)
            .args(["-B", "tests/stores/vault/serve.py"])
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).expect("the test Vault did not start");
        let file = |name: &str| PathBuf::from(said[name].as_str().unwrap());
        Some(VaultServer {
            address: format!("https://127.0.0.1:{}", said["port"]),
            admin: format!("127.0.0.1:{}", said["plain_port"]),
            files: Some(Files {
                ca: file("ca"),
                other_ca: file("other_ca"),
                client_cert: file("client_cert"),
                client_key: file("client_key"),
            }),
            token: said["root_token"].as_str().unwrap().to_owned(),
            child: Some(child),
            made: Mutex::default(),
        })
    }

    /// https://127.0.0.1:PORT
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The same server without TLS.
    pub fn plain_address(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// The CA that signed its certificate, as a PEM file.
    pub fn ca(&self) -> &Path {
        &self.files().ca
    }

    /// A CA that did not.
    pub fn other_ca(&self) -> &Path {
        &self.files().other_ca
    }

    /// Of the same CA as the server's.
    pub fn client_cert(&self) -> &Path {
        &self.files().client_cert
    }

    pub fn client_key(&self) -> &Path {
        &self.files().client_key
    }

    /// The server of KEYBEARER_TEST_VAULT_ADDR, asked with the token of KEYBEARER_TEST_VAULT_TOKEN, where
    /// they are set; else one of the test's own.
    pub fn real_or_new(bench: &Bench) -> Option<VaultServer> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Some(address) = variable("KEYBEARER_TEST_VAULT_ADDR") else {
            return VaultServer::new(bench);
        };
        let token = variable("KEYBEARER_TEST_VAULT_TOKEN").expect("KEYBEARER_TEST_VAULT_TOKEN");
        let address = address.trim_end_matches('/').to_owned();
        Some(VaultServer {
            admin: address.clone(),
            address,
            files: None,
            token,
            child: None,
            made: Mutex::default(),
        })
    }

    fn files(&self) -> &Files {
        self.files.as_ref().expect("a real server's files are not ours")
    }

    pub fn root_token(&self) -> &str {
        &self.token
    }

    /// What keybearer's tests make on a server that others use too has names of its own, and goes.
    pub fn is_real(&self) -> bool {
        self.child.is_none()
    }

    /// The name of a new KV mount.
    #[track_caller]
    pub fn mount_kv(&self, version: u8) -> String {
        let name = unique("kv");
        let options = json!({ "type": "kv", "options": { "version": version.to_string() } });
        self.make(&format!("sys/mounts/{name}"), &options);
        if self.is_real() && version == 2 {
            // It upgrades itself first, and says 400 as long.
            eventually("a KV 2 mount", || {
                let header = [("X-Vault-Token", &self.token[..])];
                self.plain("GET", &format!("/v1/{name}/config"), &header, &[]).0 == 200
            });
        }
        name
    }

    /// The name of a new auth mount.
    #[track_caller]
    pub fn enable(&self, method: &str) -> String {
        let name = unique(method);
        self.make(&format!("sys/auth/{name}"), &json!({ "type": method }));
        name
    }

    #[track_caller]
    fn make(&self, path: &str, body: &Value) {
        self.post(path, body);
        self.made.lock().unwrap().push(path.to_owned());
    }

    /// A KV 2 document below the mount `secret`; the next version of it, where there is one.
    #[track_caller]
    pub fn seed(&self, path: &str, fields: &[(&str, &str)]) {
        let data: serde_json::Map<String, Value> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        self.post(&format!("secret/data/{path}"), &json!({ "data": data }));
    }

    /// The fields of the newest version.
    #[track_caller]
    pub fn document(&self, path: &str) -> Value {
        self.get(&format!("secret/data/{path}"))["data"]["data"].take()
    }

    /// The database engine at `database`, with a role `site` whose credentials live for so many seconds. What
    /// PostgreSQL's own role `site` owns is theirs too.
    #[track_caller]
    pub fn with_postgres(&self, postgres: &Postgres<'_>, ttl: u64, max_ttl: u64) {
        assert!(self.at_postgres("database", postgres, ttl, max_ttl));
    }

    /// The same at another mount; false where the server, which may be anywhere, does not reach it.
    #[track_caller]
    pub fn at_postgres(
        &self,
        mount: &str,
        postgres: &Postgres<'_>,
        ttl: u64,
        max_ttl: u64,
    ) -> bool {
        let password = unique("password");
        postgres.sql(&format!("ALTER ROLE postgres PASSWORD '{password}'"));
        let connection = format!(
            "host=127.0.0.1 port={} user=postgres password={password} dbname=site sslmode=disable",
            postgres.port()
        );
        self.database(mount, Some(&connection), ttl, max_ttl)
    }

    /// The same with made-up credentials that open nothing, unless there is a connection.
    #[track_caller]
    pub fn database(&self, mount: &str, connection: Option<&str>, ttl: u64, max_ttl: u64) -> bool {
        self.make(&format!("sys/mounts/{mount}"), &json!({ "type": "database" }));
        let config = json!({
            "plugin_name": "postgresql-database-plugin",
            "connection_url": connection,
            "allowed_roles": ["site"],
        });
        let header = [("X-Vault-Token", &self.token[..])];
        let path = format!("/v1/{mount}/config/site");
        // It looks whether it can connect.
        let (status, answer) = self.plain("POST", &path, &header, config.to_string().as_bytes());
        if self.is_real() && status == 400 {
            return false;
        }
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        let statements = "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE site; ALTER ROLE \"{{name}}\" SET role = 'site'";
        let role = json!({
            "db_name": "site",
            "creation_statements": [statements],
            "default_ttl": ttl,
            "max_ttl": max_ttl,
        });
        self.post(&format!("{mount}/roles/site"), &role);
        true
    }

    /// A token with one policy of these rules: a path and its capabilities.
    #[track_caller]
    pub fn token(&self, more: &Value, rules: &[(&str, &[&str])]) -> String {
        let name = self.policy(rules);
        let mut body = json!({ "policies": [name], "no_parent": true });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.post("auth/token/create", &body);
        answer["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    /// The name of a new policy.
    #[track_caller]
    pub fn policy(&self, rules: &[(&str, &[&str])]) -> String {
        let name = unique("policy");
        let text: String = rules
            .iter()
            .map(|(path, can)| format!("path \"{path}\" {{ capabilities = {can:?} }}\n"))
            .collect();
        self.make(&format!("sys/policies/acl/{name}"), &json!({ "policy": text }));
        name
    }

    /// A source with these credentials beside the CA, asked with the root token unless told otherwise.
    pub fn source(&self, mount: &str, path: &str) -> SourceRequest {
        let remote = Vault {
            address: self.address.clone(),
            mount: mount.to_owned(),
            path: path.to_owned(),
            engine: Engine::Kv2,
            version: None,
            namespace: None,
            ca_file: None,
            client_cert: None,
            client_key: None,
            auth: VaultAuth { method: VaultMethod::Token, ..VaultAuth::default() },
        };
        let mut credentials = vec![(Credential::Token, Secret::new(self.token.clone()))];
        if let Some(ca) = self.ca_of_whichever() {
            let ca = fs::read_to_string(ca).unwrap();
            credentials.push((Credential::CaCertificates, Secret::new(ca)));
        }
        SourceRequest {
            remote: Remote::Vault(remote),
            credentials,
            state: None,
            history: Vec::new(),
        }
    }

    /// A real server's CA is in KEYBEARER_TEST_VAULT_CACERT, unless the machine knows it.
    fn ca_of_whichever(&self) -> Option<PathBuf> {
        match &self.files {
            Some(_) => Some(self.ca().to_owned()),
            None => std::env::var_os("KEYBEARER_TEST_VAULT_CACERT").map(PathBuf::from),
        }
    }

    /// Nobody serves any more; whoever asks is told this.
    #[track_caller]
    pub fn condition(&self, condition: &str) {
        self.switch("condition", &json!(condition));
    }

    /// Each request for a path that contains `on` is answered so: a status, or "silence", "truncate",
    /// "flood", "drip". `more`: "times", "skip" (so many are answered before), "method", "body", "headers",
    /// "after" (it is done, and then fails).
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

    /// The same, told by a server of the tests' own alone.
    #[track_caller]
    pub fn expect_requests<const N: usize>(&self, expected: [String; N]) {
        if !self.is_real() {
            assert_eq!(self.requests(), expected);
        }
    }

    /// The ids of those that live.
    #[track_caller]
    pub fn leases(&self) -> Vec<String> {
        let said = self.switch("leases", &Value::Null);
        said.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    /// Every token but the root's is gone at once, as at the end of its time.
    #[track_caller]
    pub fn expire_tokens(&self) {
        self.switch("expire-tokens", &Value::Null);
    }

    #[track_caller]
    fn switch(&self, what: &str, body: &Value) -> Value {
        let (status, mut answer) =
            self.plain("POST", &format!("/test/{what}"), &[], body.to_string().as_bytes());
        assert_eq!(status, 200);
        answer["data"].take()
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.said("GET", path, &[], &Value::Null)
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.said("POST", path, &[], body)
    }

    /// The answer's response-wrapping token.
    #[track_caller]
    pub fn wrapped(&self, path: &str) -> String {
        let answer = self.said("POST", path, &[("X-Vault-Wrap-TTL", "60s")], &json!({}));
        answer["wrap_info"]["token"].as_str().unwrap().to_owned()
    }

    /// As root, and it must work.
    #[track_caller]
    pub fn said(&self, method: &str, path: &str, more: &[(&str, &str)], body: &Value) -> Value {
        let mut headers = vec![("X-Vault-Token", &self.token[..])];
        headers.extend(more);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) =
            self.plain(method, &format!("/v1/{path}"), &headers, body.as_bytes());
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// What the token in these headers says of itself.
    #[track_caller]
    pub fn lookup(&self, token: &[(&str, &str)]) -> Value {
        let (status, answer) = self.plain("GET", "/v1/auth/token/lookup-self", token, &[]);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    fn plain(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, Value) {
        match self.child {
            Some(_) => plain_http(&self.admin, method, path, headers, body),
            None => self.curl(method, path, headers, body),
        }
    }

    /// A real server may be anywhere and speak TLS.
    fn curl(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, Value) {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--request",
            method,
            "--write-out",
            "\n%{http_code}",
        ]);
        curl.args(["--header", "X-Vault-Request: true"]);
        if let Some(ca) = self.ca_of_whichever() {
            curl.arg("--cacert").arg(ca);
        }
        for (name, value) in headers {
            curl.args(["--header", &format!("{name}: {value}")]);
        }
        if !body.is_empty() {
            curl.args(["--header", "Content-Type: application/json"]);
            curl.args(["--data-binary", std::str::from_utf8(body).unwrap()]);
        }
        let output = curl.arg(format!("{}{path}", self.admin)).output().expect("curl");
        let said = String::from_utf8(output.stdout).unwrap();
        let (body, status) = said.rsplit_once('\n').unwrap();
        let answer = serde_json::from_str(body).unwrap_or(Value::Null);
        (status.parse().unwrap(), answer)
    }
}

/// Names that nothing else on the server has.
pub fn unique(what: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("keybearer-{what}-{}-{number}", std::process::id())
}

pub(super) fn plain_http(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(super::DEADLINE)).unwrap();
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: vault\r\nConnection: close\r\nX-Vault-Request: true\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() })
}

impl Drop for VaultServer {
    fn drop(&mut self) {
        if self.is_real() {
            for path in self.made.get_mut().unwrap().drain(..).rev().collect::<Vec<_>>() {
                let header = [("X-Vault-Token", &self.token[..])];
                self.plain("DELETE", &format!("/v1/{path}"), &header, &[]);
            }
        }
        if let Some(child) = &mut self.child {
            // The end of its standard input: it revokes its leases first.
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}
