use std::time::Duration;

use crate::config::{AwsAccess, AwsSecret, Engine, Remote, Vault, VaultAuth, VaultMethod};
use crate::secrets::Secret;

use super::*;

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn vault() -> SourceRequest {
    SourceRequest {
        remote: Remote::Vault(Vault {
            address: "https://vault.internal:8200".to_owned(),
            mount: "secret".to_owned(),
            path: "example/prod".to_owned(),
            engine: Engine::Kv2,
            version: Some(3),
            namespace: None,
            ca_file: Some("/etc/ca.pem".into()),
            client_cert: None,
            client_key: None,
            auth: VaultAuth { method: VaultMethod::AppRole, wrapped: true, ..VaultAuth::default() },
        }),
        credentials: vec![
            (Credential::RoleId, secret("a role")),
            (Credential::SecretId, secret("s")),
        ],
        state: Some(secret("opaque")),
        history: vec!["SECRET_KEY".to_owned()],
    }
}

fn aws() -> SourceRequest {
    SourceRequest {
        remote: Remote::AwsSecret(AwsSecret {
            secret: "example/prod".to_owned(),
            variable: Some("SECRET_KEY".parse().expect("a name")),
            access: AwsAccess { region: Some("eu-west-1".to_owned()), ..AwsAccess::default() },
            ..AwsSecret::default()
        }),
        credentials: Vec::new(),
        state: None,
        history: Vec::new(),
    }
}

fn held() -> Held {
    Held { source: vault(), id: "database/creds/site/1".to_owned(), seconds: 10 }
}

fn works() -> Vec<Work> {
    vec![
        Work::Fetch(vec![vault(), aws()]),
        Work::Look(vec![aws()]),
        Work::Write(Box::new(Write {
            source: vault(),
            changes: vec![
                Change { name: "SECRET_KEY".to_owned(), value: Some(secret("new")) },
                Change { name: "SECRET_KEY_NEXT".to_owned(), value: None },
            ],
            version: "3".to_owned(),
        })),
        Work::Renew(vec![held()]),
        Work::Revoke(vec![held(), held()]),
    ]
}

fn answers() -> Vec<Answer> {
    let failure = || Failure::new(Kind::Refused, "vault says no");
    let leaving = || failure().leaving(Some(secret("unwrapped")));
    vec![
        Answer::Fetched(vec![
            Ok(Got {
                entries: vec![("SECRET_KEY".to_owned(), secret("value"))],
                version: Some("3".to_owned()),
                identity: Some("arn".to_owned()),
                history: vec![("SECRET_KEY".to_owned(), secret("older"))],
                lease: Some(Lease { id: "l".to_owned(), seconds: 9, renewable: true, state: None }),
                state: Some(secret("blob")),
                used: vec!["VAULT_TOKEN".to_owned()],
                warnings: vec!["one".to_owned()],
            }),
            Err(leaving()),
        ]),
        Answer::Looked(vec![Ok(None), Ok(Some("4".to_owned())), Err(failure())]),
        Answer::Written(Ok(Written { version: "5".to_owned(), state: None })),
        Answer::Renewed(vec![Ok(Lease::default())]),
        Answer::Revoked(vec![Ok(()), Err(failure())]),
        Answer::Failed(failure()),
    ]
}

#[test]
fn a_message_is_read_back_as_it_was_written() {
    for work in works() {
        let request = Request { within: Duration::from_millis(1_500), work };
        assert_eq!(decode_request(&encode_request(&request)), Ok(request));
    }
    for answer in answers() {
        assert_eq!(decode_answer(&encode_answer(&answer)), Ok(answer));
    }
}

/// Wherever it ends, and whichever byte is another: it is refused or is a message, and nothing worse.
#[test]
fn a_damaged_message_is_harmless() {
    for answer in answers() {
        let bytes = encode_answer(&answer);
        for end in 0..bytes.len() {
            assert_eq!(decode_answer(&bytes[..end]), Err(Malformed), "cut after {end}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(decode_answer(&longer), Err(Malformed));
        for at in 0..bytes.len() {
            for with in [0x00, 0x7f, 0xff] {
                let mut other = bytes.clone();
                other[at] = with;
                let _ = decode_answer(&other);
            }
        }
    }
}

#[test]
fn a_count_alone_takes_no_memory() {
    let mut bytes = Vec::new();
    for number in [VERSION, 1, u64::MAX] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    assert_eq!(decode_answer(&bytes), Err(Malformed));
    // Units have no size: the count is not believed either.
    let mut bytes = Vec::new();
    for number in [VERSION, 5, u64::MAX, 1] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    assert_eq!(decode_answer(&bytes), Err(Malformed));
}

#[test]
fn another_version_is_refused() {
    let mut bytes = encode_answer(&Answer::Revoked(Vec::new()));
    bytes[7] += 1;
    assert_eq!(decode_answer(&bytes), Err(Malformed));
}

#[test]
fn what_failed_is_one_line_whatever_was_sent() {
    let message = "one\n\u{1b}[2Jtwo".to_owned();
    let failure = Failure { kind: Kind::Wrong, message, state: None };
    let answer = decode_answer(&encode_answer(&Answer::Failed(failure))).expect("a message");
    assert_eq!(answer, Answer::Failed(Failure::new(Kind::Wrong, "one  [2Jtwo")));
}

#[test]
fn no_debug_shows_a_secret() {
    let mut shown = String::new();
    for work in works() {
        shown += &format!("{work:?}");
    }
    for answer in answers() {
        shown += &format!("{answer:?}");
    }
    for value in ["a role", "opaque", "\"new\"", "\"value\"", "older", "blob", "unwrapped"] {
        assert!(!shown.contains(value), "{value}");
    }
}
