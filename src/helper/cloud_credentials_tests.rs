use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::*;
use crate::config::{AzureSecret, GoogleSecret, Remote};
use crate::files::scratch::Scratch;

fn environment(variables: &[(&str, &Path)]) -> BTreeMap<OsString, OsString> {
    variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn google(credentials_file: Option<&Path>) -> Remote {
    Remote::GoogleSecret(GoogleSecret {
        project: "example".to_owned(),
        secret: "site".to_owned(),
        credentials_file: credentials_file.map(Path::to_owned),
        ..GoogleSecret::default()
    })
}

fn azure(client_secret_file: Option<&Path>) -> Remote {
    Remote::AzureSecret(AzureSecret {
        vault: "example".to_owned(),
        secret: "site".to_owned(),
        client_secret_file: client_secret_file.map(Path::to_owned),
        ..AzureSecret::default()
    })
}

fn supplied(remote: &Remote, variables: &[(&str, &Path)]) -> Vec<(Credential, String)> {
    let supplied = read_credentials(remote, &environment(variables)).unwrap();
    supplied.credentials.iter().map(|(what, value)| (*what, value.expose().to_owned())).collect()
}

fn refused(remote: &Remote, variables: &[(&str, &Path)]) -> String {
    let line = read_credentials(remote, &environment(variables)).unwrap_err().to_string();
    assert!(!line.contains("canary"), "{line}");
    line
}

#[test]
fn googles_credentials_in_their_order() {
    let scratch = Scratch::new();
    let file = |name: &str| scratch.file(name, format!("{{\"{name}\":1}}").as_bytes(), 0o600);
    let (config, variable, sdk) =
        (file("config"), file("variable"), scratch.directory("gcloud", 0o700));
    let left =
        scratch.file("gcloud/application_default_credentials.json", b"{\"left\":1}\n", 0o600);
    assert_eq!(left.parent(), Some(&*sdk));
    let all: &[(&str, &Path)] =
        &[("GOOGLE_APPLICATION_CREDENTIALS", &variable), ("CLOUDSDK_CONFIG", &sdk)];
    let of = |text: &str| vec![(Credential::CredentialsFile, text.to_owned())];
    assert_eq!(supplied(&google(Some(&config)), all), of("{\"config\":1}"));
    assert_eq!(supplied(&google(None), all), of("{\"variable\":1}"));
    assert_eq!(supplied(&google(None), &all[1..]), of("{\"left\":1}"));
    let home = scratch.root();
    assert_eq!(supplied(&google(None), &[("HOME", home)]), []);
}

#[test]
fn a_subject_token_is_read_where_the_credentials_name_it() {
    let scratch = Scratch::new();
    let token = scratch.file("token", b"{\"t\": \"a b\"}\n", 0o600);
    let text = format!(
        "{{\"type\": \"external_account\", \"credential_source\": {{\"file\": {:?}}}}}",
        token
    );
    let credentials = scratch.file("credentials", text.as_bytes(), 0o600);
    assert_eq!(
        supplied(&google(Some(&credentials)), &[]),
        [
            (Credential::CredentialsFile, text.clone()),
            (Credential::SubjectToken, "{\"t\": \"a b\"}".to_owned()),
        ]
    );
    let other = text.replace("external_account", "service_account");
    let credentials = scratch.file("other", other.as_bytes(), 0o600);
    assert_eq!(supplied(&google(Some(&credentials)), &[]).len(), 1);
}

#[test]
fn azures_credentials_in_their_order() {
    let scratch = Scratch::new();
    let file = scratch.file("secret", b"of~the.file\n", 0o600);
    let token = scratch.file("token", b"a.b.c", 0o600);
    let all: &[(&str, &Path)] = &[
        ("AZURE_CLIENT_SECRET", Path::new("of~the.variable")),
        ("AZURE_FEDERATED_TOKEN_FILE", &token),
    ];
    let secret = |text: &str| vec![(Credential::ClientSecret, text.to_owned())];
    assert_eq!(supplied(&azure(Some(&file)), all), secret("of~the.file"));
    assert_eq!(supplied(&azure(None), all), secret("of~the.variable"));
    let used = read_credentials(&azure(None), &environment(all)).unwrap().used;
    assert_eq!(used, ["AZURE_CLIENT_SECRET"], "the site must not see it");
    assert_eq!(supplied(&azure(None), &all[1..]), [(Credential::Jwt, "a.b.c".to_owned())]);
    assert_eq!(supplied(&azure(None), &[]), []);
}

#[test]
fn what_is_wrong_is_named_and_not_shown() {
    let canary = Path::new("canary");
    assert_eq!(
        refused(&google(None), &[("GOOGLE_APPLICATION_CREDENTIALS", canary)]),
        "Google secret 'example/site': GOOGLE_APPLICATION_CREDENTIALS is not an absolute path"
    );
    assert_eq!(
        refused(&azure(None), &[("AZURE_CLIENT_SECRET", Path::new("canary\n"))]),
        "Azure secret 'example/site': AZURE_CLIENT_SECRET is not a secret: it must be one line of ASCII"
    );
    let scratch = Scratch::new();
    let file = scratch.file("text", b"canary", 0o600);
    assert_eq!(
        refused(&google(Some(&file)), &[]),
        format!(
            "Google secret 'example/site': '{}' holds no credentials: it must be JSON, as Google writes it",
            file.display()
        )
    );
}

#[test]
fn a_helper_gets_what_its_clouds_need() {
    let inherited = environment(&[
        ("AZURE_CLIENT_ID", Path::new("c")),
        ("AZURE_CLIENT_SECRET", Path::new("canary")),
        ("GCE_METADATA_HOST", Path::new("h")),
        ("GOOGLE_APPLICATION_CREDENTIALS", Path::new("/c")),
        ("HOME", Path::new("/root")),
        ("IDENTITY_HEADER", Path::new("x")),
    ]);
    let names = |remotes: &[&Remote]| -> Vec<String> {
        let kept = variables(remotes, &inherited).into_iter();
        kept.map(|(name, _)| name.into_string().unwrap()).collect()
    };
    assert_eq!(names(&[&google(None)]), ["GCE_METADATA_HOST"]);
    assert_eq!(names(&[&azure(None)]), ["AZURE_CLIENT_ID", "IDENTITY_HEADER"]);
}
