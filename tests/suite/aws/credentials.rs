use std::time::Duration;

use keybearer::config::{AwsSecret, Remote};
use keybearer::helper::{Failure, Got, Kind};

use super::{WITHIN, fetched, refuses};
use crate::harness::{Bench, Moto, free_port, once};

/// Enough for two tries.
const SHORT: Duration = Duration::from_secs(4);

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";

fn fetch_with(
    moto: &Moto<'_>,
    secret: AwsSecret,
    variables: &[(&str, String)],
) -> Result<Got, Failure> {
    fetched(moto.source(Remote::AwsSecret(secret)), WITHIN, variables)
}

/// Without the environment's keys.
fn others(moto: &Moto<'_>) -> Vec<(&'static str, String)> {
    vec![("AWS_ENDPOINT_URL_STS", moto.url())]
}

#[track_caller]
fn last(moto: &Moto<'_>) -> String {
    moto.asked().pop().unwrap()
}

#[test]
fn a_role_with_an_external_id() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    moto.create("example/prod", "{}");
    let mut secret = moto.secret("example/prod");
    secret.access.role = Some(ROLE.to_owned());
    secret.access.external_id = Some("customer-7".to_owned());
    let got = fetch_with(&moto, secret, &moto.variables()).unwrap();
    // They were what the role was got with.
    assert_eq!(got.used, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    let asked = moto.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0], format!("moto ENVIRONMENTKEY AssumeRole {ROLE} customer-7"));
    assert!(asked[1].starts_with("moto ASIA"), "{}", asked[1]);
}

#[test]
fn a_role_that_may_not_be_assumed() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    let mut secret = moto.secret("example/prod");
    secret.access.role = Some(ROLE.to_owned());
    let variables = |way: &str| {
        let mut variables = moto.variables();
        variables.retain(|(name, _)| *name != "AWS_ENDPOINT_URL_STS");
        variables.push(("AWS_ENDPOINT_URL_STS", moto.wrong_url(way)));
        variables
    };
    refuses(
        fetch_with(&moto, secret.clone(), &variables("sts-AccessDenied")),
        Kind::Refused,
        "AWS secret 'example/prod' in eu-west-1: no credentials: the role may not be assumed; allow sts:AssumeRole on it, and check its trust policy and 'external-id'",
    );
    refuses(
        fetch_with(&moto, secret, &variables("sts-ExpiredToken")),
        Kind::Refused,
        "AWS secret 'example/prod' in eu-west-1: no credentials: the session token has expired; get new credentials",
    );
    assert_eq!(moto.asked(), ["answers sts-AccessDenied", "answers sts-ExpiredToken"]);
}

#[test]
fn web_identity() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    moto.create("example/prod", "{}");
    let token = bench.file("token", "web-identity", 0o600);
    let mut variables = others(&moto);
    variables.push(("AWS_ROLE_ARN", ROLE.to_owned()));
    variables.push(("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap().to_owned()));
    let got = fetch_with(&moto, moto.secret("example/prod"), &variables).unwrap();
    assert_eq!(got.used, [""; 0]);
    assert_eq!(moto.asked()[0], format!("moto - AssumeRoleWithWebIdentity {ROLE} web-identity"));
    assert!(last(&moto).starts_with("moto ASIA"), "{}", last(&moto));

    std::fs::remove_file(token).unwrap();
    refuses(
        fetch_with(&moto, moto.secret("example/prod"), &variables),
        Kind::Wrong,
        "AWS secret 'example/prod' in eu-west-1: no credentials: a file that the AWS variables or profile name is not there",
    );
}

#[test]
fn a_container_and_an_instance() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    moto.create("example/prod", "{}");
    let mut variables = others(&moto);
    variables.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI", moto.credentials_url("/container")));
    variables.push(("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token".to_owned()));
    fetch_with(&moto, moto.secret("example/prod"), &variables).unwrap();
    assert_eq!(last(&moto), "moto CONTAINERKEY secretsmanager.GetSecretValue");

    let mut variables = others(&moto);
    variables.push(("AWS_EC2_METADATA_DISABLED", "false".to_owned()));
    variables.push(("AWS_EC2_METADATA_SERVICE_ENDPOINT", moto.credentials_url("")));
    fetch_with(&moto, moto.secret("example/prod"), &variables).unwrap();
    assert_eq!(last(&moto), "moto INSTANCEKEY secretsmanager.GetSecretValue");
}

#[test]
fn a_container_that_refuses() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    let url = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", moto.credentials_url("/container"));
    let file = |content: &str| {
        let path = bench.file("container-token", content, 0o600);
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path.to_str().unwrap().to_owned())
    };
    refuses(
        fetch_with(&moto, moto.secret("example/prod"), &[url.clone(), file("wrong")]),
        Kind::Refused,
        "AWS secret 'example/prod' in eu-west-1: no credentials: refused by the container's endpoint; check its role and its token",
    );
    refuses(
        fetch_with(&moto, moto.secret("example/prod"), &[url, file("container-token\n")]),
        Kind::Wrong,
        "AWS secret 'example/prod' in eu-west-1: no credentials: the container's token is no header value; take the line end out of its file",
    );
}

/// A profile that the config names goes before keys in the environment, which are not used then.
#[test]
fn a_profile() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    moto.create("example/prod", "{}");
    let credentials = "[site]\naws_access_key_id = PROFILEKEY\naws_secret_access_key = secret\n";
    let credentials = bench.file("credentials", credentials, 0o600);
    let config = "[profile site]\nregion = eu-west-1\n\
                  [profile process]\nregion = eu-west-1\ncredential_process = /bin/true\n";
    let config = bench.file("config", config, 0o600);
    let mut variables = moto.variables();
    variables.push(("AWS_SHARED_CREDENTIALS_FILE", credentials.to_str().unwrap().to_owned()));
    variables.push(("AWS_CONFIG_FILE", config.to_str().unwrap().to_owned()));
    let with = |profile: &str| {
        let mut secret = moto.secret("example/prod");
        secret.access.region = None;
        secret.access.profile = Some(profile.to_owned());
        secret
    };
    let got = fetch_with(&moto, with("site"), &variables).unwrap();
    assert_eq!(got.used, [""; 0]);
    assert_eq!(last(&moto), "moto PROFILEKEY secretsmanager.GetSecretValue");
    refuses(
        fetch_with(&moto, with("process"), &variables),
        Kind::Wrong,
        "AWS secret 'example/prod' in eu-west-1: the profile needs credential_process, which is not built in; use another profile",
    );
    let mut secret = with("none");
    secret.access.region = Some("eu-west-1".to_owned());
    refuses(
        fetch_with(&moto, secret, &variables),
        Kind::Refused,
        "AWS secret 'example/prod' in eu-west-1: no credentials in the profile; check 'profile' and its files",
    );
}

#[test]
fn none_at_all() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    refuses(
        fetch_with(&moto, moto.secret("example/prod"), &others(&moto)),
        Kind::Refused,
        "AWS secret 'example/prod' in eu-west-1: no credentials; looked in the environment, the profile, web identity, container and instance metadata",
    );
    assert_eq!(moto.asked(), [""; 0]);
}

/// It may yet come up: that is no reason to give up for good.
#[test]
fn instance_metadata_that_does_not_answer() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    let fetch = |region: Option<&str>, disabled: &str| {
        let mut variables = others(&moto);
        let closed = format!("http://127.0.0.1:{}", free_port());
        variables.push(("AWS_EC2_METADATA_DISABLED", disabled.to_owned()));
        variables.push(("AWS_EC2_METADATA_SERVICE_ENDPOINT", closed));
        let mut secret = moto.secret("example/prod");
        secret.access.region = region.map(str::to_owned);
        fetched(moto.source(Remote::AwsSecret(secret)), SHORT, &variables)
    };
    refuses(
        fetch(Some("eu-west-1"), "false"),
        Kind::Unreachable,
        "AWS secret 'example/prod' in eu-west-1: no credentials: the instance metadata does not answer",
    );
    refuses(
        fetch(None, "false"),
        Kind::Unreachable,
        "AWS secret 'example/prod': no region, and the instance metadata gives none now; give one: region = \"eu-west-1\", or AWS_REGION",
    );
    // Nobody is asked there, so nobody is waited for.
    refuses(
        fetch(Some("eu-west-1"), "true"),
        Kind::Refused,
        "AWS secret 'example/prod' in eu-west-1: no credentials; looked in the environment, the profile, web identity, container and instance metadata",
    );
    refuses(
        fetch(None, "true"),
        Kind::Wrong,
        "AWS secret 'example/prod': no region; give one: region = \"eu-west-1\", or AWS_REGION",
    );
}
