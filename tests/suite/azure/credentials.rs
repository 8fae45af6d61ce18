//! Each way to an access token.

use keybearer::helper::{Answer, Credential, Failure, Got, Kind, Request, SourceRequest, Work};
use serde_json::json;

use super::{Azure, SOON, shown};
use crate::harness::{Bench, ask_store, free_port, once, with};

fn fetch(source: SourceRequest, variables: &[(&str, &str)]) -> Result<Got, Failure> {
    match ask_store(&Request { within: SOON, work: Work::Fetch(vec![source]) }, variables) {
        Answer::Fetched(mut results) => results.remove(0),
        other => panic!("{other:?}"),
    }
}

fn without_secret(mut source: SourceRequest) -> SourceRequest {
    source.credentials.retain(|(what, _)| *what != Credential::ClientSecret);
    source
}

#[test]
fn the_clients_secret() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    azure.seed(r#"{"A":"1"}"#);
    assert_eq!(shown(&azure.fetch(azure.plain()).unwrap().entries), [("A", "1")]);
    let unnamed = azure.source(|secret| (secret.tenant, secret.client_id) = (None, None));
    let at = azure.0.address();
    let variables = [
        ("AZURE_AUTHORITY_HOST", &*format!("{at}/")),
        ("AZURE_TENANT_ID", azure.0.word("tenant")),
        ("AZURE_CLIENT_ID", azure.0.word("client_id")),
    ];
    assert_eq!(shown(&fetch(unnamed, &variables).unwrap().entries), [("A", "1")]);

    let login = "no access token: {at} refuses the login (HTTP";
    for (source, line) in [
        (
            with(azure.plain(), Credential::ClientSecret, "canary"),
            "401, AADSTS7000215): the client secret is wrong; give its value and not its id",
        ),
        (
            azure.source(|secret| secret.tenant = Some("canary".to_owned())),
            "400, AADSTS90002): the tenant is not known; check 'tenant'",
        ),
        (
            azure.source(|secret| secret.client_id = Some("canary".to_owned())),
            "400, AADSTS700016): the client is not known in the tenant; check 'client-id' and 'tenant'",
        ),
    ] {
        azure.fails(azure.fetch(source), Kind::Refused, &format!("{login} {line}"));
    }
    for (index, line) in [
        (1, "no tenant for its login; give 'tenant', or set AZURE_TENANT_ID"),
        (2, "no client-id for its login; give 'client-id', or set AZURE_CLIENT_ID"),
    ] {
        let unnamed = azure.source(|secret| (secret.tenant, secret.client_id) = (None, None));
        let mut some = variables.to_vec();
        some.remove(index);
        azure.fails(fetch(unnamed, &some), Kind::Wrong, line);
    }
    for authority in ["http://canary.example", "canary://x", "https://u:canary@x"] {
        let result = fetch(azure.plain(), &[("AZURE_AUTHORITY_HOST", authority)]);
        azure.fails(result, Kind::Wrong, "AZURE_AUTHORITY_HOST is no address of https");
    }
}

#[test]
fn a_workload_identity() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    azure.seed(r#"{"A":"1"}"#);
    let source = |token: &str| with(without_secret(azure.plain()), Credential::Jwt, token);
    let got = azure.fetch(source(azure.0.word("federated_token"))).unwrap();
    assert_eq!(shown(&got.entries), [("A", "1")]);
    let line = "no access token: {at} refuses the login (HTTP 400, AADSTS700213): no federated credential of the client fits the token; check its issuer and subject";
    azure.fails(azure.fetch(source("canary")), Kind::Refused, line);
}

#[test]
fn the_machines_identity() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    azure.seed(r#"{"A":"1"}"#);
    let source = || without_secret(azure.plain());
    let plain = azure.0.plain_address();
    let metadata = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", &*plain)];
    let got = fetch(source(), &metadata).unwrap();
    assert_eq!((shown(&got.entries), got.used), (vec![("A", "1")], vec![]));
    let only = || without_secret(azure.source(|secret| secret.client_id = None));
    assert!(fetch(only(), &metadata).is_ok());
    let other = without_secret(azure.source(|secret| secret.client_id = Some("canary".to_owned())));
    let line = "{plain} gives no access token (HTTP 400); check the client id, and that this identity is assigned to the machine";
    azure.fails(fetch(other, &metadata), Kind::Refused, line);
    azure.0.fault("/metadata/identity", 400, &json!({}));
    let line = "{plain} gives no access token (HTTP 400); assign a managed identity to the machine, or name one of several by 'client-id'";
    azure.fails(fetch(only(), &metadata), Kind::Refused, line);
    let mend = "without a client secret and AZURE_FEDERATED_TOKEN_FILE the machine's managed identity is asked for there";
    // So it answers while it is updated, and wants to be asked again.
    for status in [404, 410] {
        azure.0.fault("/metadata/identity", status, &json!({ "times": 2 }));
        assert!(fetch(only(), &metadata).is_ok(), "{status}");
        azure.0.fault("/metadata/identity", status, &json!({}));
        let line = format!(
            "{{plain}} gives no access token (HTTP {status}), as while it is updated; try again in a minute; {mend}"
        );
        azure.fails(fetch(only(), &metadata), Kind::Unreachable, &line);
    }
    azure.0.no_fault();

    let nobody = format!("http://127.0.0.1:{}", free_port());
    let line = format!("cannot connect to {nobody}: connection refused; {mend}");
    let result = fetch(source(), &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", &nobody)]);
    azure.fails(result, Kind::Unreachable, &line);
    let result = fetch(source(), &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://canary.example")]);
    let line = "AZURE_POD_IDENTITY_AUTHORITY_HOST is no address on this machine";
    azure.fails(result, Kind::Wrong, line);
}

/// The header that opens the endpoint is a credential, and the site does not see it.
#[test]
fn the_identity_of_an_app_service() {
    once!();
    let bench = Bench::new();
    let Some(azure) = Azure::new(&bench) else { return };
    azure.seed(r#"{"A":"1"}"#);
    let source = || without_secret(azure.plain());
    let endpoint = format!("{}/msi/token", azure.0.plain_address());
    let header = azure.0.word("identity_header");
    let variables = [("IDENTITY_ENDPOINT", &*endpoint), ("IDENTITY_HEADER", header)];
    let got = fetch(source(), &variables).unwrap();
    assert_eq!(shown(&got.entries), [("A", "1")]);
    assert_eq!(got.used, ["IDENTITY_HEADER"]);
    let wrong = [("IDENTITY_ENDPOINT", &*endpoint), ("IDENTITY_HEADER", "canary")];
    let line = "{plain} gives no access token (HTTP 400); check the client id, and that this identity is assigned to the machine";
    azure.fails(fetch(source(), &wrong), Kind::Refused, line);
    azure.0.fault("/msi/token", 404, &json!({}));
    let line = "{plain} gives no access token (HTTP 404); check the client id, and that this identity is assigned to the machine";
    azure.fails(fetch(source(), &variables), Kind::Refused, line);
    let line = "IDENTITY_ENDPOINT is no address on this machine";
    for far in ["http://canary.example/", "https://canary.example/", "http://:canary@127.0.0.1/"] {
        let wrong = [("IDENTITY_ENDPOINT", far), ("IDENTITY_HEADER", "canary")];
        azure.fails(fetch(source(), &wrong), Kind::Wrong, line);
    }
}
