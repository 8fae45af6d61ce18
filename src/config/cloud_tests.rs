//! What the config says about Google Secret Manager and Azure Key Vault, and what is wrong with it.

use std::path::Path;

use super::*;
use crate::exit::Exit;

fn source(text: &str) -> Result<Remote, Error> {
    let mut raw = parse(&format!("[[source]]\n{text}"), Path::new("/f"))?;
    match raw.sources.remove(0).kind {
        SourceKind::Remote(remote) => Ok(*remote),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn bad(text: &str) -> String {
    let error = source(text).unwrap_err();
    assert_eq!(error.exit(), Exit::Config);
    let line = error.to_string();
    assert!(!line.contains("canary") && !line.contains('\n'), "{line}");
    line.strip_prefix("'/f':").unwrap().to_owned()
}

#[test]
fn every_key_of_google_reaches_its_place() {
    let found = source(
        r#"
        type = "google-secret-manager"
        project = "example-prod"
        secret = "site_1"
        key = "django"
        as = "SECRET_KEY"
        version = 7
        credentials-file = "/c.json"
        endpoint = "https://127.0.0.1:1/"
        ca-file = "/ca.pem"
    "#,
    )
    .unwrap();
    let expected = GoogleSecret {
        project: "example-prod".to_owned(),
        secret: "site_1".to_owned(),
        key: Some("django".to_owned()),
        variable: Some("SECRET_KEY".parse().unwrap()),
        version: Some(7),
        credentials_file: Some("/c.json".into()),
        endpoint: Some("https://127.0.0.1:1".to_owned()),
        ca_file: Some("/ca.pem".into()),
    };
    assert_eq!(found.to_string(), "Google secret 'example-prod/site_1'");
    assert!(!found.keeps_history());
    assert_eq!(found, Remote::GoogleSecret(expected));
}

#[test]
fn every_key_of_azure_reaches_its_place() {
    let found = source(
        r#"
        type = "azure-key-vault"
        vault = "https://Example.vault.azure.cn/"
        secret = "Site-1"
        key = "django"
        as = "SECRET_KEY"
        version = "0123456789abcdef0123456789ABCDEF"
        tenant = "example.com"
        client-id = "c-1"
        client-secret-file = "/s"
        ca-file = "/ca.pem"
    "#,
    )
    .unwrap();
    let expected = AzureSecret {
        vault: "https://example.vault.azure.cn".to_owned(),
        secret: "site-1".to_owned(),
        key: Some("django".to_owned()),
        variable: Some("SECRET_KEY".parse().unwrap()),
        version: Some("0123456789abcdef0123456789abcdef".to_owned()),
        tenant: Some("example.com".to_owned()),
        client_id: Some("c-1".to_owned()),
        client_secret_file: Some("/s".into()),
        ca_file: Some("/ca.pem".into()),
    };
    assert_eq!(found.to_string(), "Azure secret 'example.vault.azure.cn/site-1'");
    assert_eq!(found, Remote::AzureSecret(expected));
}

#[test]
fn a_vault_may_be_a_name_alone() {
    let named = |vault: &str| {
        source(&format!("type = \"azure-key-vault\"\nvault = \"{vault}\"\nsecret = \"site\""))
    };
    let short = named("Example").unwrap();
    assert_eq!(short.to_string(), "Azure secret 'example/site'");
    let long = named("https://example.vault.azure.net").unwrap();
    assert_eq!(short.identity(), long.identity());
    assert!(long.keeps_history());
    for wrong in ["ab", "a_b", "a.b", "", "http://127.0.0.1:1", "https://u:canary@v", "https://v/x"]
    {
        assert!(named(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_google_sources_cannot_be() {
    let of = " in [[source]] of type \"google-secret-manager\"";
    let rest = "project = \"p\"\nsecret = \"s\"";
    for (more, line) in [
        ("project = \"p\"".to_owned(), format!("1:1: missing 'secret'{of}")),
        ("secret = \"s\"".to_owned(), format!("1:1: missing 'project'{of}")),
        (
            "project = \"canary/x\"".to_owned(),
            format!(
                "3:11: 'project'{of}: expected a project's id or number, such as \"example-prod\""
            ),
        ),
        (
            "secret = \"canary/x\"".to_owned(),
            format!("3:10: 'secret'{of}: expected a secret's name: letters, digits, '-' and '_'"),
        ),
        (
            format!("{rest}\nprivate-key = \"canary\""),
            format!(
                "5:1: 'private-key'{of}: no secret belongs in this file; keep it in one of its own \
                 and name that: credentials-file"
            ),
        ),
        (
            format!("{rest}\nas = \"A\"\nonly = [\"A\"]"),
            format!(
                "1:1: 'as'{of} is the name of the only variable; leave out 'prefix', 'rename' and \
                 'only'"
            ),
        ),
    ] {
        assert_eq!(bad(&format!("type = \"google-secret-manager\"\n{more}")), line);
    }
}

#[test]
fn what_azure_sources_cannot_be() {
    let of = " in [[source]] of type \"azure-key-vault\"";
    let rest = "vault = \"example\"\nsecret = \"s\"";
    for (more, line) in [
        ("vault = \"example\"".to_owned(), format!("1:1: missing 'secret'{of}")),
        ("secret = \"s\"".to_owned(), format!("1:1: missing 'vault'{of}")),
        (
            "secret = \"canary_x\"".to_owned(),
            format!("3:10: 'secret'{of}: expected a secret's name: letters, digits and '-'"),
        ),
        (
            format!("{rest}\nversion = \"canary\""),
            format!("5:11: 'version'{of}: expected a version's id: 32 hexadecimal digits"),
        ),
        (
            format!("{rest}\nclient-secret = \"canary\""),
            format!(
                "5:1: 'client-secret'{of}: no secret belongs in this file; keep it in one of its \
                 own and name that: client-secret-file"
            ),
        ),
        (
            format!("{rest}\nclient-id = \"c\"\nclient-secret-file = \"/s\""),
            format!("1:1: 'client-secret-file'{of} needs 'tenant' and 'client-id' beside it"),
        ),
    ] {
        assert_eq!(bad(&format!("type = \"azure-key-vault\"\n{more}")), line);
    }
}
