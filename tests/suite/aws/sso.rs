//! A session of `aws sso login`: a token in a file of the operator's, and the portal of AWS, which gives
//! credentials for it. tests/isolate makes its name one of this machine.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keybearer::config::Remote;
use keybearer::helper::{Failure, Got, Kind};
use serde_json::{Value, json};

use super::{fetched, refuses};
use crate::harness::{Bench, Moto, once, requires_root_tests, skip};

const PORTAL: (&str, u16) = ("portal.sso.eu-west-1.amazonaws.com", 443);

const CONFIG: &str = "\
[profile session]
sso_session = site
sso_account_id = 123456789012
sso_role_name = reader

[profile stranger]
sso_session = site
sso_account_id = 123456789012
sso_role_name = stranger

[profile busy]
sso_session = site
sso_account_id = 123456789012
sso_role_name = busy

[sso-session site]
sso_region = eu-west-1
sso_start_url = https://example.awsapps.com/start

[profile start-url]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 123456789012
sso_role_name = reader
";

/// The SHA-1 of the session's name, and that of the start URL.
const OF_SESSION: &str = "c099a42a5555825cdb50df0c04932bcd29613457";
const OF_START_URL: &str = "e8be5486177c5b5392bd9aa76563515b29358e6e";

/// An operator who has logged in, or has not, and where AWS is to him.
struct Operator<'a> {
    bench: &'a Bench,
    moto: Moto<'a>,
}

impl<'a> Operator<'a> {
    fn new(bench: &'a Bench) -> Option<Operator<'a>> {
        let local = |(host, port): (&str, u16)| {
            let mut found = (host, port).to_socket_addrs().ok()?;
            found.next().filter(|address| address.ip().is_loopback())
        };
        let Some(portal) = local(PORTAL) else {
            skip("needs namespaces, where AWS has this machine's address");
            return None;
        };
        assert_eq!(portal.ip(), Ipv4Addr::LOCALHOST);
        let moto = Moto::new(bench)?;
        moto.create("example/prod", "{}");
        fs::create_dir_all(bench.path("home/.aws/sso/cache")).unwrap();
        Some(Operator { bench, moto })
    }

    /// What `aws sso login` leaves.
    fn has_logged_in(&self, hash: &str, token: &str, seconds: i64, more: &Value) {
        let mut cached = json!({ "accessToken": token, "expiresAt": moment(seconds) });
        cached.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.bench.file(&format!("home/.aws/sso/cache/{hash}.json"), cached.to_string(), 0o600);
    }

    fn fetch(&self, profile: &str) -> Result<Got, Failure> {
        let mut secret = self.moto.secret("example/prod");
        secret.access.profile = Some(profile.to_owned());
        let mut source = self.moto.source(Remote::AwsSecret(secret));
        source.credentials.clear();
        let config = self.bench.file("config", CONFIG, 0o600);
        let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
        let variables = [
            ("HOME", text(self.bench.path("home"))),
            ("AWS_CONFIG_FILE", text(config)),
            ("SSL_CERT_FILE", text(self.moto.ca())),
        ];
        fetched(source, Duration::from_secs(5), &variables)
    }

    #[track_caller]
    fn is_told(&self, profile: &str, kind: Kind, cause: &str) {
        let message = format!("AWS secret 'example/prod' in eu-west-1: no credentials: {cause}");
        refuses(self.fetch(profile), kind, &message);
    }
}

/// 2026-01-31T12:00:00Z, so many seconds from now.
fn moment(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let at = format!("@{}", i64::try_from(now).unwrap() + seconds);
    let date = std::process::Command::new("date")
        .args(["--utc", "--date", &at, "+%Y-%m-%dT%H:%M:%SZ"])
        .output()
        .unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}

/// The port of all of AWS's hosts leads to the test's own server.
fn answer_for_aws(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", PORTAL.1)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Ok(to) = TcpStream::connect(("127.0.0.1", port)) else { return };
            let (mut a, mut b) = (stream.try_clone().unwrap(), to.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut a, &mut b));
            let (mut a, mut b) = (to, stream);
            std::thread::spawn(move || std::io::copy(&mut a, &mut b));
        }
    });
}

const ENDED: &str = "the SSO session has ended or is about to; run: aws sso login";

/// One test, because the port is one.
#[test]
fn sso() {
    once!();
    requires_root_tests!();
    let bench = Bench::new();
    let Some(operator) = Operator::new(&bench) else { return };
    let asked = || operator.moto.asked();

    // Nobody has logged in.
    operator.is_told("session", Kind::Refused, ENDED);
    operator.is_told("start-url", Kind::Refused, ENDED);
    assert_eq!(asked(), [""; 0]);
    // Nobody answers.
    operator.has_logged_in(OF_SESSION, "sso-token", 3600, &json!({}));
    operator.is_told("session", Kind::Unreachable, "connection refused");

    answer_for_aws(operator.moto.answers());
    let before = asked().len();
    for (profile, hash) in [("session", OF_SESSION), ("start-url", OF_START_URL)] {
        operator.has_logged_in(hash, "sso-token", 3600, &json!({}));
        let got = operator.fetch(profile).unwrap();
        assert_eq!(got.used, [""; 0]);
    }
    let portal = "portal /federation/credentials 123456789012 reader";
    let read = "moto SSOKEY secretsmanager.GetSecretValue";
    assert_eq!(asked()[before..], [portal, read, portal, read]);

    operator.is_told(
        "stranger",
        Kind::Refused,
        "refused by SSO; check the profile's sso_account_id and sso_role_name",
    );
    operator.is_told("busy", Kind::Unreachable, "an error where they come from");

    // Its time is over, which its file says; or the portal says so.
    let before = asked().len();
    operator.has_logged_in(OF_SESSION, "sso-token", -60, &json!({}));
    operator.is_told("session", Kind::Refused, ENDED);
    assert_eq!(asked()[before..], [""; 0]);
    operator.has_logged_in(OF_SESSION, "revoked", 3600, &json!({}));
    operator.is_told("session", Kind::Refused, ENDED);
    operator.has_logged_in(OF_START_URL, "revoked", 3600, &json!({}));
    operator.is_told("start-url", Kind::Refused, ENDED);

    // A new one could be had, and there is nowhere to put it: the helper writes no file.
    let refreshable = json!({
        "clientId": "client",
        "clientSecret": "secret",
        "refreshToken": "refresh",
        "registrationExpiresAt": moment(3600),
    });
    operator.has_logged_in(OF_SESSION, "sso-token", 60, &refreshable);
    let file = bench.path(&format!("home/.aws/sso/cache/{OF_SESSION}.json"));
    let cached = fs::read(&file).unwrap();
    operator.is_told("session", Kind::Refused, ENDED);
    assert_eq!(asked().last().unwrap(), "oidc token");
    assert_eq!(fs::read(&file).unwrap(), cached);
}
