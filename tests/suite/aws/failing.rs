use std::net::TcpListener;
use std::time::{Duration, Instant};

use keybearer::config::{AwsSecret, Remote};
use keybearer::helper::{Credential, Failure, Got, Kind};
use keybearer::secrets::Secret;

use super::{WITHIN, fetch, fetched, refuses};
use crate::harness::{Bench, Moto, free_port, once};

/// Enough for three tries.
const SHORT: Duration = Duration::from_secs(2);

fn at(moto: &Moto<'_>, endpoint: String) -> AwsSecret {
    let mut secret = moto.secret("example/prod");
    secret.access.endpoint = Some(endpoint);
    secret
}

fn in_short(moto: &Moto<'_>, secret: AwsSecret) -> Result<Got, Failure> {
    fetched(moto.source(Remote::AwsSecret(secret)), SHORT, &moto.variables())
}

fn message(cause: &str) -> String {
    format!("AWS secret 'example/prod' in eu-west-1: {cause}")
}

/// They will not change: asked once and never again.
#[test]
fn what_is_answered_for_good() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    let cases = [
        (
            "AccessDeniedException",
            Kind::Refused,
            "access denied; allow secretsmanager:GetSecretValue to this role",
        ),
        (
            "ExpiredTokenException",
            Kind::Refused,
            "the session token has expired; get new credentials",
        ),
        (
            "UnrecognizedClientException",
            Kind::Refused,
            "the access key is not known to AWS; give one that is",
        ),
        (
            "InvalidSignatureException",
            Kind::Refused,
            "the signature is not accepted; check the secret access key and this machine's clock",
        ),
        (
            "DecryptionFailure",
            Kind::Refused,
            "its KMS key cannot be used; enable it, and allow kms:Decrypt to this role",
        ),
        (
            "no-kms",
            Kind::Refused,
            "its KMS key cannot be used; enable it, and allow kms:Decrypt to this role",
        ),
        (
            "InvalidRequestException",
            Kind::Wrong,
            "it has no value or is marked for deletion; restore it or name another",
        ),
        (
            "SomethingNew",
            Kind::Wrong,
            "AWS does not accept the request (HTTP 400); check the name and 'endpoint'",
        ),
        (
            "elsewhere",
            Kind::Wrong,
            "the answer sends on to another address (HTTP 302), which is not followed; check 'endpoint'",
        ),
        ("large", Kind::Wrong, "the answer is larger than 1048576 bytes and none of AWS"),
        (
            "deep",
            Kind::Wrong,
            "it is no JSON object; make it one, or name its value: as = \"NAME\"",
        ),
        (
            "plain",
            Kind::Wrong,
            "it is no JSON object; make it one, or name its value: as = \"NAME\"",
        ),
        ("twice", Kind::Wrong, "a field is in it twice; take one of them out"),
    ];
    for (way, kind, cause) in cases {
        refuses(fetch(&moto, at(&moto, moto.wrong_url(way))), kind, &message(cause));
    }
    assert_eq!(moto.asked(), cases.map(|(way, _, _)| format!("answers {way}")));
}

/// These may: asked again and again for as long as there is time.
#[test]
fn what_may_pass() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    let cases = [
        ("failing", "AWS failed with HTTP 500"),
        ("gateway", "AWS failed with HTTP 502"),
        ("ThrottlingException", "throttled by AWS"),
        ("page", "the answer was cut off or is none of AWS"),
        ("empty", "the answer is none of Secrets Manager"),
        ("cut", "the answer was cut off or is none of AWS"),
    ];
    for (way, cause) in cases {
        let secret = at(&moto, moto.wrong_url(way));
        refuses(in_short(&moto, secret), Kind::Unreachable, &message(cause));
        let tries = moto.asked().iter().filter(|line| **line == format!("answers {way}")).count();
        assert!(tries >= 3, "{way}: {tries} tries");
    }
}

/// The whole time, and no more.
#[test]
fn silence() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    // Its queue takes connections that nobody will accept.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let deaf = format!("https://localhost:{}", deaf.local_addr().unwrap().port());
    for endpoint in [moto.wrong_url("silent"), moto.wrong_url("drip"), deaf] {
        let begun = Instant::now();
        let result = in_short(&moto, at(&moto, endpoint));
        assert!(begun.elapsed() >= SHORT);
        refuses(result, Kind::Unreachable, "AWS secret 'example/prod': no answer within 2s");
    }
}

#[test]
fn no_way_there() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    let closed = format!("https://localhost:{}", free_port());
    refuses(in_short(&moto, at(&moto, closed)), Kind::Unreachable, &message("connection refused"));
    refuses(
        in_short(&moto, at(&moto, "https://nowhere.invalid".to_owned())),
        Kind::Unreachable,
        &message("the host name was not found"),
    );
    // TEST-NET-1: no address that the tests' network has a route to.
    refuses(
        in_short(&moto, at(&moto, "https://192.0.2.1".to_owned())),
        Kind::Unreachable,
        &message("no route"),
    );
}

#[test]
fn a_proxy_is_asked_but_for_the_hosts_of_no_proxy() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    moto.create("example/prod", "{}");
    let fetch = |variables: &[(&str, String)]| {
        let source = moto.source(Remote::AwsSecret(moto.secret("example/prod")));
        fetched(source, SHORT, variables)
    };
    let mut variables = moto.variables();
    variables.push(("HTTPS_PROXY", format!("http://127.0.0.1:{}", free_port())));
    refuses(fetch(&variables), Kind::Unreachable, &message("connection refused"));
    variables.push(("NO_PROXY", "localhost".to_owned()));
    assert!(fetch(&variables).is_ok());
}

/// Asked for once: no number of tries makes it good.
#[test]
fn a_certificate_that_is_not_trusted() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    moto.create("example/prod", "{}");
    let with = |ca: &str, secret: AwsSecret| {
        let mut source = moto.source(Remote::AwsSecret(secret));
        source.credentials = vec![(Credential::CaCertificates, Secret::new(ca.to_owned()))];
        source
    };
    let other = std::fs::read_to_string(bench.path("aws/other-ca.pem")).unwrap();
    let begun = Instant::now();
    refuses(
        fetched(with(&other, moto.secret("example/prod")), WITHIN, &moto.variables()),
        Kind::Wrong,
        &message("the certificate is not trusted; give its CA as 'ca-file' or in SSL_CERT_FILE"),
    );
    let by_number = moto.url().replace("localhost", "127.0.0.1");
    refuses(
        fetched(moto.source(Remote::AwsSecret(at(&moto, by_number))), WITHIN, &moto.variables()),
        Kind::Wrong,
        &message("the certificate is for another host name; check 'endpoint'"),
    );
    for text in ["", "canary", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        refuses(
            fetched(with(text, moto.secret("example/prod")), WITHIN, &moto.variables()),
            Kind::Wrong,
            "AWS secret 'example/prod': the 'ca-file' holds no certificates in PEM form",
        );
    }
    assert!(begun.elapsed() < WITHIN);

    let mut source = moto.source(Remote::AwsSecret(moto.secret("example/prod")));
    source.credentials.clear();
    let mut variables = moto.variables();
    variables.push(("SSL_CERT_FILE", moto.ca().to_str().unwrap().to_owned()));
    assert!(fetched(source, WITHIN, &variables).is_ok());
}
