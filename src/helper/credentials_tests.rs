use std::path::PathBuf;

use super::*;
use crate::config::{AwsAccess, AwsSecret, Vault, VaultAuth};
use crate::exit::Exit;
use crate::files::scratch::Scratch;

fn vault(auth: VaultAuth) -> Vault {
    Vault {
        address: "https://vault.internal:8200".to_owned(),
        mount: "secret".to_owned(),
        path: "example".to_owned(),
        engine: Default::default(),
        version: None,
        namespace: None,
        ca_file: None,
        client_cert: None,
        client_key: None,
        auth,
    }
}

fn with_token() -> Remote {
    Remote::Vault(vault(VaultAuth::default()))
}

fn environment(variables: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
    variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn shown(supplied: &Supplied) -> Vec<(Credential, &str)> {
    supplied.credentials.iter().map(|(what, value)| (*what, value.expose())).collect()
}

#[test]
fn the_token_of_the_environment() {
    let given = environment(&[("VAULT_TOKEN", "hvs.x")]);
    let supplied = read_credentials(&with_token(), &given).unwrap();
    assert_eq!(shown(&supplied), [(Credential::Token, "hvs.x")]);
    assert_eq!(supplied.used, ["VAULT_TOKEN"]);
    for none in [environment(&[]), environment(&[("VAULT_TOKEN", "")])] {
        let error = read_credentials(&with_token(), &none).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Vault 'secret/example': no VAULT_TOKEN in the environment; set it, or give its \
             [[source]] auth = { method = ... }, one of token-file, approle, kubernetes, jwt, \
             aws-iam, userpass, cert"
        );
        assert_eq!(error.exit(), Exit::Config);
    }
    let error = read_credentials(&with_token(), &environment(&[("VAULT_TOKEN", "canary\nx")]));
    assert_eq!(
        error.unwrap_err().to_string(),
        "Vault 'secret/example': VAULT_TOKEN is no token: it must be one line of ASCII"
    );
}

#[test]
fn what_the_files_hold() {
    let scratch = Scratch::new();
    let file = |name: &str, text: &str, mode| scratch.file(name, text.as_bytes(), mode);
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let approle = |secret_id: PathBuf| {
        let auth = VaultAuth {
            method: VaultMethod::AppRole,
            role_id_file: Some(file("role-id", "role\r\n", 0o640)),
            secret_id_file: Some(secret_id),
            ..VaultAuth::default()
        };
        Remote::Vault(Vault { ca_file: Some(file("ca", pem, 0o644)), ..vault(auth) })
    };
    let none = environment(&[("VAULT_TOKEN", "hvs.x")]);
    let remote = approle(file("secret-id", "secret\n", 0o600));
    let supplied = read_credentials(&remote, &none).unwrap();
    assert_eq!(
        shown(&supplied),
        [
            (Credential::CaCertificates, pem.trim_end()),
            (Credential::RoleId, "role"),
            (Credential::SecretId, "secret"),
        ]
    );
    assert!(supplied.used.is_empty());

    for (name, text, line) in [
        ("empty", " \n", "'{}' is empty; write the secret-id into it"),
        (
            "two",
            "canary\ncanary\n",
            "'{}' holds no secret-id: it must be one line of ASCII, without a space",
        ),
    ] {
        let path = file(name, text, 0o600);
        let error = read_credentials(&approle(path.clone()), &none).unwrap_err();
        let line = line.replace("{}", &path.display().to_string());
        assert_eq!(error.to_string(), format!("Vault 'secret/example': {line}"));
        assert_eq!(error.exit(), Exit::Config);
    }
    let open = file("open", "canary", 0o646);
    let error = read_credentials(&approle(open), &none).unwrap_err();
    assert_eq!(error.exit(), Exit::Refused);
    let ca = file("no-ca", "canary", 0o644);
    let access = AwsAccess { ca_file: Some(ca.clone()), ..AwsAccess::default() };
    let aws = AwsSecret { secret: "site".to_owned(), access, ..AwsSecret::default() };
    let error = read_credentials(&Remote::AwsSecret(aws), &none).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "AWS secret 'site': '{}' holds no certificates: it must be PEM, with a line -----BEGIN",
            ca.display()
        )
    );
}

#[test]
fn a_token_that_kubernetes_mounted() {
    let Some(scratch) = Scratch::in_memory() else { return };
    let mounted = scratch.projected(&[("token", b"a.b.c")]);
    let auth = VaultAuth {
        method: VaultMethod::Kubernetes,
        role: Some("site".to_owned()),
        jwt_file: Some(mounted.join("token")),
        ..VaultAuth::default()
    };
    let supplied = read_credentials(&Remote::Vault(vault(auth)), &environment(&[])).unwrap();
    assert_eq!(shown(&supplied), [(Credential::Jwt, "a.b.c")]);
    let warning = format!(
        "files in '{}' are readable by others, accepted on a tmpfs only",
        mounted.display()
    );
    assert_eq!(supplied.warnings, [warning]);
}

#[test]
fn a_helper_gets_no_more_than_its_stores_need() {
    let inherited = environment(&[
        ("AWS_PROFILE", "p"),
        ("HOME", "/root"),
        ("PATH", "/bin"),
        ("RUST_BACKTRACE", "1"),
        ("SSL_CERT_FILE", "/ca"),
        ("VAULT_SKIP_VERIFY", ""),
        ("VAULT_TOKEN", "hvs.x"),
        ("https_proxy", "http://proxy"),
    ]);
    let names = |remotes: &[&Remote]| -> Vec<String> {
        let kept = variables(remotes, &inherited).into_iter();
        kept.map(|(name, _)| name.into_string().unwrap()).collect()
    };
    let aws = Remote::AwsSecret(AwsSecret::default());
    let iam = VaultAuth { method: VaultMethod::AwsIam, ..VaultAuth::default() };
    let all = ["AWS_PROFILE", "HOME", "SSL_CERT_FILE", "https_proxy"];
    assert_eq!(names(&[&with_token()]), ["SSL_CERT_FILE", "https_proxy"]);
    assert_eq!(names(&[&with_token(), &aws]), all);
    assert_eq!(names(&[&Remote::Vault(vault(iam))]), all);
}
