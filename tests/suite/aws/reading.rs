use keybearer::config::{AwsSecret, Remote};
use keybearer::helper::Kind;
use serde_json::json;

use super::{WITHIN, fetch, fetched, look, pairs, refuses};
use crate::harness::{Bench, KEY, Moto, once};

/// What a rotation by AWS writes stays as it is; so do numbers that no f64 could hold.
#[test]
fn a_json_document() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    let text = json!({"SECRET_KEY": KEY, "port": 5432, "on": true, "none": null, "list": ["a", 1]});
    let big = "12345678901234567890.10";
    let text = text.to_string().replace("5432", big);
    let id = moto.create("example/prod", &text);
    let got = fetch(&moto, moto.secret("example/prod")).unwrap();
    assert_eq!(
        pairs(&got.entries),
        [("SECRET_KEY", KEY), ("list", "[\"a\",1]"), ("on", "true"), ("port", big)]
    );
    assert_eq!(got.version.as_deref(), Some(id.as_str()));
    assert_eq!(got.warnings, ["AWS secret 'example/prod': 'none' is null and left out"]);
    assert_eq!(got.used, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    assert_eq!(pairs(&got.history), []);
    assert_eq!(look(&moto, moto.secret("example/prod")), Ok(Some(id)));
    let called = ["secretsmanager.GetSecretValue", "secretsmanager.DescribeSecret"];
    assert_eq!(moto.asked(), called.map(|called| format!("moto ENVIRONMENTKEY {called}")));
}

#[test]
fn a_plain_value_a_field_and_bytes() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    let secret = |name: &str, key: Option<&str>, variable: Option<&str>| AwsSecret {
        key: key.map(str::to_owned),
        variable: variable.map(|name| name.parse().unwrap()),
        ..moto.secret(name)
    };
    moto.create("plain", KEY);
    let got = fetch(&moto, secret("plain", None, Some("SECRET_KEY"))).unwrap();
    assert_eq!(pairs(&got.entries), [("SECRET_KEY", KEY)]);
    refuses(
        fetch(&moto, secret("plain", None, None)),
        Kind::Wrong,
        "AWS secret 'plain' in eu-west-1: it is no JSON object; make it one, or name its value: as = \"NAME\"",
    );

    moto.create("nested", &json!({"app": {"SECRET_KEY": KEY}, "x": "y"}).to_string());
    let got = fetch(&moto, secret("nested", Some("app"), None)).unwrap();
    assert_eq!(pairs(&got.entries), [("SECRET_KEY", KEY)]);
    let got = fetch(&moto, secret("nested", Some("x"), Some("SECRET_KEY"))).unwrap();
    assert_eq!(pairs(&got.entries), [("SECRET_KEY", "y")]);
    refuses(
        fetch(&moto, secret("nested", Some("prod"), None)),
        Kind::Wrong,
        "AWS secret 'nested' in eu-west-1: it has no field 'prod'; mend 'key'",
    );

    let create = |name: &str, base64: &str| {
        let input = json!({"Name": name, "SecretBinary": base64});
        moto.call("secretsmanager.CreateSecret", &input);
    };
    create("bytes", "Ynl0ZXM=");
    let got = fetch(&moto, secret("bytes", None, Some("SECRET_KEY"))).unwrap();
    assert_eq!(pairs(&got.entries), [("SECRET_KEY", "bytes")]);
    create("no-text", "/wD+");
    refuses(
        fetch(&moto, secret("no-text", None, Some("SECRET_KEY"))),
        Kind::Wrong,
        "AWS secret 'no-text' in eu-west-1: its bytes are no text; store them as base64",
    );
}

#[test]
fn stages_versions_and_history() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    let text = |value: &str| json!({"SECRET_KEY": value, "OTHER": "x"}).to_string();
    let old = moto.create("example/prod", &text("old"));
    let history = |moto: &Moto<'_>| {
        let mut source = moto.source(Remote::AwsSecret(moto.secret("example/prod")));
        source.history = vec!["SECRET_KEY".to_owned()];
        fetched(source, WITHIN, &moto.variables()).unwrap()
    };
    assert_eq!(pairs(&history(&moto).history), []);

    let new = moto.put("example/prod", &text("new"));
    let got = history(&moto);
    assert_eq!(pairs(&got.entries), [("OTHER", "x"), ("SECRET_KEY", "new")]);
    assert_eq!(pairs(&got.history), [("SECRET_KEY", "old")]);
    assert_eq!(got.version, Some(new));

    let of = |stage: Option<&str>, version: Option<&str>| AwsSecret {
        stage: stage.map(str::to_owned),
        version: version.map(str::to_owned),
        ..moto.secret("example/prod")
    };
    for secret in [of(Some("AWSPREVIOUS"), None), of(None, Some(&old))] {
        let got = fetch(&moto, secret.clone()).unwrap();
        assert_eq!(pairs(&got.entries), [("OTHER", "x"), ("SECRET_KEY", "old")]);
        assert_eq!(got.version.as_ref(), Some(&old));
        assert_eq!(look(&moto, secret), Ok(Some(old.clone())));
    }
    refuses(
        fetch(&moto, of(Some("NEXT"), None)),
        Kind::Wrong,
        "AWS secret 'example/prod' in eu-west-1: not found, or no version of it is 'NEXT'",
    );
    let nowhere = "00000000-0000-0000-0000-000000000000";
    refuses(
        fetch(&moto, of(None, Some(nowhere))),
        Kind::Wrong,
        &format!(
            "AWS secret 'example/prod' in eu-west-1: not found, or it has no version '{nowhere}'"
        ),
    );
    refuses(
        fetch(&moto, moto.secret("example/none")),
        Kind::Wrong,
        "AWS secret 'example/none' in eu-west-1: not found; check 'secret' and the region",
    );
}

#[test]
fn the_region_is_that_of_the_arn() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    moto.create("example/prod", "{}");
    let input = json!({"SecretId": "example/prod"});
    let arn = moto.call("secretsmanager.DescribeSecret", &input);
    let arn = arn["ARN"].as_str().unwrap();
    let mut secret = moto.secret(arn);
    secret.access.region = None;
    assert_eq!(pairs(&fetch(&moto, secret).unwrap().entries), []);

    let mut secret = moto.secret("example/prod");
    secret.access.region = None;
    refuses(
        fetch(&moto, secret.clone()),
        Kind::Wrong,
        "AWS secret 'example/prod': no region; give one: region = \"eu-west-1\", or AWS_REGION",
    );
    let mut variables = moto.variables();
    variables.push(("AWS_REGION", "eu-west-1".to_owned()));
    assert!(fetched(moto.source(Remote::AwsSecret(secret)), WITHIN, &variables).is_ok());
}
