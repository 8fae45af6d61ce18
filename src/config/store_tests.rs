//! What the config says about stores, and what is wrong with it.

use std::path::Path;

use super::*;
use crate::exit::Exit;

fn remote(source: &str) -> Remote {
    let text = format!("[[source]]\n{source}");
    let mut raw = parse(&text, Path::new("/f")).unwrap_or_else(|error| panic!("{error}\n{text}"));
    match raw.sources.remove(0).kind {
        SourceKind::Remote(remote) => *remote,
        other => panic!("{other:?}"),
    }
}

fn bad(source: &str) -> String {
    let error = parse(&format!("[[source]]\n{source}"), Path::new("/f")).unwrap_err();
    assert_eq!(error.exit(), Exit::Config);
    let line = error.to_string();
    assert!(!line.contains("canary") && !line.contains('\n'), "{line}");
    line.strip_prefix("'/f':").unwrap().to_owned()
}

fn vault(auth: &str) -> String {
    format!(
        "type = \"vault\"\naddress = \"https://v:8200\"\nmount = \"secret\"\npath = \"p\"\nauth = {auth}"
    )
}

fn auth(auth: &str) -> VaultAuth {
    match remote(&vault(auth)) {
        Remote::Vault(vault) => vault.auth,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_key_of_aws_reaches_its_place() {
    let access = r#"
        region = "eu-west-1"
        profile = "site"
        role = "arn:aws:iam::123456789012:role/site"
        external-id = "x"
        endpoint = "http://127.0.0.1:5000/"
        ca-file = "/ca.pem"
    "#;
    let expected = AwsAccess {
        region: Some("eu-west-1".to_owned()),
        profile: Some("site".to_owned()),
        role: Some("arn:aws:iam::123456789012:role/site".to_owned()),
        external_id: Some("x".to_owned()),
        endpoint: Some("http://127.0.0.1:5000".to_owned()),
        ca_file: Some("/ca.pem".into()),
    };
    let secret = format!(
        "type = \"aws-secrets-manager\"\nsecret = \"example/prod\"\nkey = \"django_secret\"\n\
         as = \"SECRET_KEY\"\nstage = \"AWSPENDING\"\n{access}"
    );
    let aws = AwsSecret {
        secret: "example/prod".to_owned(),
        key: Some("django_secret".to_owned()),
        variable: Some("SECRET_KEY".parse().unwrap()),
        stage: Some("AWSPENDING".to_owned()),
        version: None,
        access: expected.clone(),
    };
    assert_eq!(remote(&secret), Remote::AwsSecret(aws));
    let parameters = format!("type = \"aws-parameter-store\"\npath = \"/example/prod/\"\n{access}");
    let aws = AwsParameters {
        path: Some("/example/prod".to_owned()),
        names: Vec::new(),
        access: expected,
    };
    assert_eq!(remote(&parameters), Remote::AwsParameters(aws));
    let named = remote("type = \"aws-parameter-store\"\nnames = [\"/a/SECRET_KEY\", \"B:2\"]");
    assert_eq!(named.to_string(), "AWS parameters '/a/SECRET_KEY', 'B:2'");
}

#[test]
fn every_key_of_vault_reaches_its_place() {
    let full = remote(
        r#"
        type = "vault"
        address = "https://vault.internal:8200/"
        mount = "/kv/"
        path = "/example/prod"
        version = 3
        namespace = "team/"
        ca-file = "/ca.pem"
        client-cert = "/c.pem"
        client-key = "/k.pem"
        auth = { method = "approle", mount = "a", role-id-file = "/r", secret-id-file = "/s", wrapped = true }
        rename = { SECRET_KEY = "django_secret" }
        only = ["SECRET_KEY"]
        prefix = "django_"
    "#,
    );
    let expected = Vault {
        address: "https://vault.internal:8200".to_owned(),
        mount: "kv".to_owned(),
        path: "example/prod".to_owned(),
        engine: Engine::Kv2,
        version: Some(3),
        namespace: Some("team".to_owned()),
        ca_file: Some("/ca.pem".into()),
        client_cert: Some("/c.pem".into()),
        client_key: Some("/k.pem".into()),
        auth: VaultAuth {
            method: VaultMethod::AppRole,
            mount: Some("a".to_owned()),
            wrapped: true,
            role_id_file: Some("/r".into()),
            secret_id_file: Some("/s".into()),
            ..VaultAuth::default()
        },
    };
    assert_eq!(full, Remote::Vault(expected));
}

#[test]
fn every_method_of_vault() {
    let of = |method| VaultAuth { method, ..VaultAuth::default() };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(auth("{}"), of(VaultMethod::Token));
    assert_eq!(auth("{ method = \"token\" }"), of(VaultMethod::Token));
    assert_eq!(
        auth("{ method = \"token-file\", token-file = \"/t\" }"),
        VaultAuth { token_file: Some("/t".into()), ..of(VaultMethod::TokenFile) }
    );
    assert_eq!(
        auth("{ method = \"approle\", role-id = \"r\", secret-id-file = \"/s\" }"),
        VaultAuth {
            role_id: some("r"),
            secret_id_file: Some("/s".into()),
            ..of(VaultMethod::AppRole)
        }
    );
    assert_eq!(
        auth("{ method = \"kubernetes\", role = \"r\" }"),
        VaultAuth {
            role: some("r"),
            jwt_file: Some("/var/run/secrets/kubernetes.io/serviceaccount/token".into()),
            ..of(VaultMethod::Kubernetes)
        }
    );
    assert_eq!(
        auth("{ method = \"jwt\", role = \"r\", jwt-file = \"/j\", mount = \"oidc\" }"),
        VaultAuth {
            role: some("r"),
            jwt_file: Some("/j".into()),
            mount: some("oidc"),
            ..of(VaultMethod::Jwt)
        }
    );
    assert_eq!(
        auth("{ method = \"aws-iam\", server-id = \"v\", region = \"eu-west-1\" }"),
        VaultAuth { server_id: some("v"), region: some("eu-west-1"), ..of(VaultMethod::AwsIam) }
    );
    assert_eq!(
        auth("{ method = \"userpass\", username = \"u\", password-file = \"/p\" }"),
        VaultAuth {
            username: some("u"),
            password_file: Some("/p".into()),
            ..of(VaultMethod::Userpass)
        }
    );
    let cert = format!(
        "{}\nclient-cert = \"/c\"\nclient-key = \"/k\"",
        vault("{ method = \"cert\", role = \"r\" }")
    );
    assert!(
        matches!(remote(&cert), Remote::Vault(v) if v.auth.method == VaultMethod::Cert && v.auth.role.is_some())
    );
}

#[test]
fn what_aws_sources_cannot_be() {
    let of = " in [[source]] of type \"aws-secrets-manager\"";
    for (more, line) in [
        ("", format!("1:1: missing 'secret'{of}")),
        (
            "secret = \"canary?\"",
            format!("3:10: 'secret'{of}: expected a secret's name or ARN, such as example/prod"),
        ),
        (
            "secret = \"a\"\nstage = \"A\"\nversion = \"B\"",
            format!("1:1: 'stage' or 'version'{of}: give one of the two"),
        ),
        (
            "secret = \"a\"\nas = \"A\"\nrename = { A = \"b\" }",
            format!(
                "1:1: 'as'{of} is the name of the only variable; leave out 'prefix', 'rename' and \
                 'only'"
            ),
        ),
        (
            "secret = \"a\"\nexternal-id = \"canary\"",
            format!("1:1: 'external-id'{of} needs 'role' beside it"),
        ),
        (
            "secret = \"a\"\nrole = \"canary\"",
            format!(
                "4:8: 'role'{of}: expected a role's ARN, such as \
                 \"arn:aws:iam::123456789012:role/example\""
            ),
        ),
        (
            "secret = \"arn:aws:secretsmanager:eu-west-1:1:secret:x\"\nregion = \"eu-west-2\"",
            format!(
                "1:1: 'region'{of} is not the one that the ARN in 'secret' names; leave it out"
            ),
        ),
        (
            "secret = \"a\"\nsecret-access-key = \"canary\"",
            format!(
                "4:1: 'secret-access-key'{of}: AWS finds its credentials by itself (AWS_* \
                 variables, profile, role); no secret belongs in this file"
            ),
        ),
        (
            "secret = \"a\"\nendpoint = \"http://aws.internal\"",
            format!(
                "4:12: 'endpoint'{of}: expected https: over http anybody on the way reads the \
                 secrets; only a loopback address may have it"
            ),
        ),
    ] {
        assert_eq!(bad(&format!("type = \"aws-secrets-manager\"\n{more}")), line);
    }
    let of = " in [[source]] of type \"aws-parameter-store\"";
    for more in ["", "path = \"/a\"\nnames = [\"b\"]"] {
        assert_eq!(
            bad(&format!("type = \"aws-parameter-store\"\n{more}")),
            format!("1:1: 'path' or 'names'{of}: give one of the two")
        );
    }
}

#[test]
fn what_vault_sources_cannot_be() {
    let of = " in [[source]] of type \"vault\"";
    let rest = "mount = \"m\"\npath = \"p\"";
    for (more, line) in [
        ("path = \"p\"".to_owned(), format!("1:1: missing 'mount'{of}")),
        ("mount = \"m\"".to_owned(), format!("1:1: missing 'path'{of}")),
        (
            "address = \"https://canary:canary@v\"".to_owned(),
            format!(
                "3:11: 'address'{of}: expected an address without a user in it: no secret \
                 belongs there"
            ),
        ),
        (
            format!("{rest}\nengine = \"kv1\"\nversion = 2"),
            format!("1:1: 'version' is for engine = \"kv2\" alone; leave it out{of}"),
        ),
        (
            format!("{rest}\nclient-cert = \"/c\""),
            format!("1:1: 'client-cert' needs 'client-key' beside it{of}"),
        ),
        (
            format!("{rest}\nauth = {{ method = \"cert\" }}"),
            format!("1:1: auth by \"cert\" needs 'client-cert' and 'client-key'{of}"),
        ),
        (
            format!("{rest}\ntoken = \"canary\""),
            format!(
                "5:1: 'token'{of}: no secret belongs in this file; keep it in one of its own and \
                 name that: auth = {{ method = \"token-file\", token-file = ... }}"
            ),
        ),
    ] {
        assert_eq!(bad(&format!("type = \"vault\"\n{more}")), line);
    }
}

#[test]
fn what_auth_cannot_be() {
    let of = " in auth of [[source]] of type \"vault\"";
    for (given, line) in [
        ("{ role = \"r\" }", format!("6:8: missing 'method'{of}")),
        (
            "{ method = \"approl\" }",
            format!(
                "6:19: 'method'{of}: expected \"token\", \"token-file\", \"approle\", \
                 \"kubernetes\", \"jwt\", \"aws-iam\", \"userpass\" or \"cert\"; did you mean \
                 \"approle\"?"
            ),
        ),
        (
            "{ method = \"approle\", secret-id = \"canary\" }",
            format!(
                "6:30: 'secret-id'{of}: no secret belongs in this file; keep it in one of its \
                 own and name that: secret-id-file"
            ),
        ),
        (
            "{ method = \"token\", role = \"canary\" }",
            format!("6:28: 'role'{of}: method \"token\" takes no other key"),
        ),
        (
            "{ method = \"userpass\", role-id = \"canary\" }",
            format!(
                "6:31: 'role-id'{of}: method \"userpass\" takes mount, username, password-file"
            ),
        ),
        ("{ method = \"approle\", role-id = \"r\" }", format!("6:8: missing 'secret-id-file'{of}")),
        (
            "{ method = \"approle\", secret-id-file = \"/s\" }",
            format!("6:8: 'role-id' or 'role-id-file'{of}: give one of the two"),
        ),
        ("{ method = \"kubernetes\" }", format!("6:8: missing 'role'{of}")),
        ("{ method = \"jwt\", role = \"r\" }", format!("6:8: missing 'jwt-file'{of}")),
        ("{ method = \"token-file\" }", format!("6:8: missing 'token-file'{of}")),
        (
            "{ method = \"userpass\", username = \"u\" }",
            format!("6:8: missing 'password-file'{of}"),
        ),
        (
            "{ method = \"jwt\", role = \"r\", jwt-fil = \"/j\" }",
            format!("6:38: unknown key 'jwt-fil'{of}; did you mean 'jwt-file'?"),
        ),
    ] {
        assert_eq!(bad(&vault(given)), line);
    }
}
