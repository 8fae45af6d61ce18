//! `[[source]]` of type "vault", and its `auth`.

use std::path::PathBuf;

use super::Error;
use super::forms::absolute_path;
use super::raw::PATH;
use super::raw_source::{either, selection};
use super::store_forms::{address, region, vault_path, word};
use super::table::Table;
use super::value::{boolean, choice, count, form};
use super::{Engine, Selection, Vault, VaultAuth, VaultMethod};

/// Where Kubernetes mounts a pod's own token.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Without `address` the way to Vault is the environment's: [`super::resolve`] looks there.
pub(super) fn vault(table: &mut Table<'_>) -> Result<(Vault, Selection), Error> {
    let given_address = table.read("address", form("an address", address))?;
    let mount = table.read("mount", form("a mount's path", vault_path))?;
    let path = table.read("path", form("a secret's path", vault_path))?;
    let engine =
        choice(&[("kv2", Engine::Kv2), ("kv1", Engine::Kv1), ("database", Engine::Database)]);
    let engine = table.read("engine", engine)?.unwrap_or_default();
    let version = table.read("version", count(1, u16::MAX))?;
    let namespace = table.read("namespace", form("a namespace", vault_path))?;
    let ca_file = table.read("ca-file", form(PATH, absolute_path))?;
    let client_cert = table.read("client-cert", form(PATH, absolute_path))?;
    let client_key = table.read("client-key", form(PATH, absolute_path))?;
    refuse_secrets(table)?;
    let auth = auth(table.inner("auth")?)?;
    let selection = selection(table)?;
    let vault = Vault {
        address: given_address.unwrap_or_default(),
        mount: mount.ok_or_else(|| table.missing("mount"))?,
        path: path.ok_or_else(|| table.missing("path"))?,
        engine,
        version: version.and_then(|version| u64::try_from(version).ok()),
        namespace,
        ca_file,
        client_cert,
        client_key,
        auth,
    };
    match contradiction(&vault) {
        Some(message) => Err(table.error(format!("{message}{}", table.place()))),
        None => Ok((vault, selection)),
    }
}

fn contradiction(vault: &Vault) -> Option<&'static str> {
    if vault.version.is_some() && vault.engine != Engine::Kv2 {
        return Some("'version' is for engine = \"kv2\" alone; leave it out");
    }
    match (&vault.client_cert, &vault.client_key) {
        (Some(_), None) => Some("'client-cert' needs 'client-key' beside it"),
        (None, Some(_)) => Some("'client-key' needs 'client-cert' beside it"),
        (None, None) if vault.auth.method == VaultMethod::Cert => {
            Some("auth by \"cert\" needs 'client-cert' and 'client-key'")
        }
        (_, _) => None,
    }
}

/// Every key of `auth` but the method.
const KEYS: [&str; 12] = [
    "mount",
    "role",
    "role-id",
    "role-id-file",
    "secret-id-file",
    "wrapped",
    "jwt-file",
    "token-file",
    "username",
    "password-file",
    "server-id",
    "region",
];

/// Which of them a method takes.
fn keys_of(method: VaultMethod) -> &'static [&'static str] {
    match method {
        VaultMethod::Token => &[],
        VaultMethod::TokenFile => &["token-file"],
        VaultMethod::AppRole => &["mount", "role-id", "role-id-file", "secret-id-file", "wrapped"],
        VaultMethod::Kubernetes | VaultMethod::Jwt => &["mount", "role", "jwt-file"],
        VaultMethod::AwsIam => &["mount", "role", "server-id", "region"],
        VaultMethod::Userpass => &["mount", "username", "password-file"],
        VaultMethod::Cert => &["mount", "role"],
    }
}

/// Left out, it is the token that the vault command would use.
fn auth(mut table: Table<'_>) -> Result<VaultAuth, Error> {
    let is_given = !table.is_empty();
    let method = table.read("method", choice(VaultMethod::WORDS))?;
    refuse_secrets(&table)?;
    let takes = keys_of(method.unwrap_or_default());
    if let Some((word, _)) = VaultMethod::WORDS.iter().find(|(_, known)| Some(*known) == method) {
        let why = match takes {
            [] => format!("method \"{word}\" takes no other key"),
            keys => format!("method \"{word}\" takes {}", keys.join(", ")),
        };
        for key in KEYS.iter().filter(|key| !takes.contains(key)) {
            table.refuse(key, &why)?;
        }
    }
    let auth = VaultAuth {
        method: method.unwrap_or_default(),
        mount: table.read("mount", form("a mount's path", vault_path))?,
        role: table.read("role", form("a role's name", word))?,
        username: table.read("username", form("a user's name", vault_path))?,
        wrapped: table.read("wrapped", boolean)?.unwrap_or_default(),
        server_id: table.read("server-id", form("a server's id", word))?,
        region: table.read("region", form("a region", region))?,
        role_id: table.read("role-id", form("a role's id", word))?,
        token_file: file(&mut table, "token-file")?,
        role_id_file: file(&mut table, "role-id-file")?,
        secret_id_file: file(&mut table, "secret-id-file")?,
        jwt_file: file(&mut table, "jwt-file")?,
        password_file: file(&mut table, "password-file")?,
    };
    table.finish()?;
    if method.is_none() && is_given {
        return Err(table.missing("method"));
    }
    complete(auth, &table)
}

fn file(table: &mut Table<'_>, key: &'static str) -> Result<Option<PathBuf>, Error> {
    table.read(key, form(PATH, absolute_path))
}

/// What a method cannot do without.
fn complete(mut auth: VaultAuth, table: &Table<'_>) -> Result<VaultAuth, Error> {
    if auth.method == VaultMethod::Kubernetes {
        auth.jwt_file.get_or_insert_with(|| PathBuf::from(SERVICE_ACCOUNT));
    }
    let required: &[(&str, bool)] = match auth.method {
        VaultMethod::Token | VaultMethod::AwsIam | VaultMethod::Cert => &[],
        VaultMethod::TokenFile => &[("token-file", auth.token_file.is_some())],
        VaultMethod::AppRole => &[("secret-id-file", auth.secret_id_file.is_some())],
        VaultMethod::Kubernetes | VaultMethod::Jwt => {
            &[("role", auth.role.is_some()), ("jwt-file", auth.jwt_file.is_some())]
        }
        VaultMethod::Userpass => &[
            ("username", auth.username.is_some()),
            ("password-file", auth.password_file.is_some()),
        ],
    };
    if let Some((key, _)) = required.iter().find(|(_, is_there)| !is_there) {
        return Err(table.missing(key));
    }
    if auth.method == VaultMethod::AppRole && auth.role_id.is_some() == auth.role_id_file.is_some()
    {
        return Err(either(table, "role-id", "role-id-file"));
    }
    Ok(auth)
}

/// Keys that would hold a secret itself.
fn refuse_secrets(table: &Table<'_>) -> Result<(), Error> {
    for (key, file) in [
        ("token", "auth = { method = \"token-file\", token-file = ... }"),
        ("secret-id", "secret-id-file"),
        ("password", "password-file"),
        ("jwt", "jwt-file"),
    ] {
        table.refuse(
            key,
            &format!(
                "no secret belongs in this file; keep it in one of its own and name that: {file}"
            ),
        )?;
    }
    Ok(())
}
