//! Each way to an access token.

use keybearer::helper::{Credential, Kind};
use serde_json::{Value, json};

use super::{Google, SOON, fetch, fetch_with, shown};
use crate::harness::{Bench, free_port, once, with};

#[test]
fn every_kind_of_account() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"A":"1"}"#);
    for account in ["service_account", "service_account_pkcs1", "authorized_user", "external_url"] {
        let got = fetch(google.as_account(google.plain(), account));
        assert_eq!(shown(&got.expect(account).entries), [("A", "1")], "{account}");
    }
    let subject = google.0.word("subject_token");
    let source = || google.as_account(google.plain(), "external_file");
    let got = fetch(with(source(), Credential::SubjectToken, &format!("{subject}\n"))).unwrap();
    assert_eq!(shown(&got.entries), [("A", "1")]);
    // The same in a field of a document.
    let mut account = google.0.said("external_file").clone();
    account["credential_source"]["format"] =
        json!({ "type": "json", "subject_token_field_name": "t" });
    let source = with(source(), Credential::CredentialsFile, &account.to_string());
    let document = json!({ "t": subject }).to_string();
    let got = fetch(with(source, Credential::SubjectToken, &document)).unwrap();
    assert_eq!(shown(&got.entries), [("A", "1")]);
}

#[test]
fn the_machines_own_account() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    google.seed(r#"{"A":"1"}"#);
    let source = || {
        let mut source = google.plain();
        source.credentials.retain(|(what, _)| *what != Credential::CredentialsFile);
        source
    };
    let host = google.0.plain_host();
    let got = fetch_with(source(), SOON, &[("GCE_METADATA_HOST", &host)]).unwrap();
    assert_eq!(shown(&got.entries), [("A", "1")]);

    let of = "Google secret 'example/site'";
    let mend = "without credentials-file and GOOGLE_APPLICATION_CREDENTIALS the machine's own are asked for there";
    let ask = |host: &str| fetch_with(source(), SOON, &[("GCE_METADATA_HOST", host)]);
    google.0.fault("/computeMetadata/", 200, &json!({ "body": "canary" }));
    google.fails(
        ask(&host),
        Kind::Wrong,
        &format!("{of}: {{plain}} is no metadata server of Google; {mend}"),
    );
    let flavour = json!({ "headers": { "Metadata-Flavor": "Google" } });
    google.0.fault("/computeMetadata/", 404, &flavour);
    let line = format!(
        "{of}: {{plain}} gives no access token (HTTP 404); give this machine a service account"
    );
    google.fails(ask(&host), Kind::Refused, &line);
    google.0.fault("/computeMetadata/", 503, &flavour);
    google.fails(
        ask(&host),
        Kind::Unreachable,
        &format!("{of}: {{plain}} fails (HTTP 503); {mend}"),
    );
    let nobody = format!("127.0.0.1:{}", free_port());
    let line = format!("{of}: cannot connect to http://{nobody}: connection refused; {mend}");
    google.fails(ask(&nobody), Kind::Unreachable, &line);
    let line = format!(
        "{of}: GCE_METADATA_HOST is neither metadata.google.internal nor an address on this machine"
    );
    for wrong in ["127.0.0.1/b", "u@127.0.0.1", ":canary@127.0.0.1", "canary.example", ":"] {
        google.fails(ask(wrong), Kind::Wrong, &line);
    }
}

#[test]
fn credentials_that_are_none() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    let of = "Google secret 'example/site'";
    let service = google.0.said("service_account");
    let external = google.0.said("external_file");
    let other = "its credentials are of no type that is read; give a service_account, authorized_user or external_account";
    let built_in = "its credentials want a subject token that is neither in a file nor at a URL; that is not built in";
    let changed = |of: &Value, key: &str, value: Value| {
        let mut account = of.clone();
        account[key] = value;
        account
    };
    for (account, line) in [
        (json!({ "type": "canary" }), other),
        (json!("canary"), other),
        (
            changed(service, "client_email", json!(null)),
            "its credentials lack client_email; get new ones",
        ),
        (
            changed(service, "private_key", json!("canary")),
            "private_key of its credentials is no RSA key; get a new key",
        ),
        (
            changed(service, "token_uri", json!("http://canary.example/token")),
            "token_uri of its credentials is no address of https",
        ),
        (
            changed(
                external,
                "credential_source",
                json!({ "executable": { "command": "canary" } }),
            ),
            built_in,
        ),
        (
            changed(
                external,
                "credential_source",
                json!({ "url": "http://169.254.169.254/x", "environment_id": "aws1" }),
            ),
            built_in,
        ),
        (
            changed(external, "credential_source", json!({ "url": "http://canary.example/x" })),
            "credential_source.url of its credentials is no address of https",
        ),
        (
            external.clone(),
            "there is no subject token where its credentials say; check credential_source",
        ),
    ] {
        let source = with(google.plain(), Credential::CredentialsFile, &account.to_string());
        google.fails(fetch(source), Kind::Wrong, &format!("{of}: {line}"));
    }
}

#[test]
fn credentials_that_are_refused() {
    once!();
    let bench = Bench::new();
    let Some(google) = Google::new(&bench) else { return };
    let refused = |account: &str, key: &str, line: &str| {
        let mut changed = google.0.said(account).clone();
        if !key.is_empty() {
            changed[key] = json!("canary");
        }
        let source = with(google.plain(), Credential::CredentialsFile, &changed.to_string());
        let source = with(source, Credential::SubjectToken, "canary");
        let line = format!(
            "Google secret 'example/site': no access token: {{at}} refuses the credentials {line}"
        );
        google.fails(fetch(source), Kind::Refused, &line);
    };
    let clock = "check this machine's clock, and that the service account and its key still exist";
    refused("service_account", "client_email", &format!("(HTTP 400, invalid_grant); {clock}"));
    let user = "run: gcloud auth application-default login";
    refused("authorized_user", "refresh_token", &format!("(HTTP 400, invalid_grant); {user}"));
    refused("authorized_user", "client_secret", &format!("(HTTP 401, invalid_client); {user}"));
    let pool = "check the workload identity pool, its provider, and that the subject token has not expired";
    refused("external_file", "", &format!("(HTTP 400, invalid_grant); {pool}"));
    let mend = "allow iam.serviceAccounts.getAccessToken on the service account to this identity";
    google.0.fault("generateAccessToken", 403, &json!({ "body": "{\"error\": \"canary\"}" }));
    refused("external_url", "", &format!("(HTTP 403); {mend}"));
}
