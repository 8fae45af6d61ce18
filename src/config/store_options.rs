//! What the command line and the environment say about stores: the variables of the vault command.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::{
    AwsSecret, Engine, Error, Remote, Selection, SourceKind, SourceOption, SourceSpec, Vault,
    VaultAuth, VaultMethod, forms, store_forms,
};

type Environment = BTreeMap<OsString, OsString>;

/// One source of the command line.
pub(super) fn source(option: SourceOption) -> SourceSpec {
    let kind = match option {
        SourceOption::EnvFile(path) => SourceKind::EnvFile { path },
        SourceOption::AwsSecret(secret) => {
            let aws = AwsSecret { secret, ..AwsSecret::default() };
            SourceKind::Remote(Box::new(Remote::AwsSecret(aws)))
        }
        SourceOption::Vault { mount, path } => {
            let vault = Vault {
                address: String::new(),
                mount,
                path,
                engine: Engine::default(),
                version: None,
                namespace: None,
                ca_file: None,
                client_cert: None,
                client_key: None,
                auth: VaultAuth::default(),
            };
            SourceKind::Remote(Box::new(Remote::Vault(vault)))
        }
    };
    SourceSpec { kind, selection: Selection::default() }
}

/// What a source leaves to the environment.
pub(super) fn fill_in(kind: &mut SourceKind, environment: &Environment) -> Result<(), Error> {
    let SourceKind::Remote(remote) = kind else { return Ok(()) };
    let shown = remote.to_string();
    let Remote::Vault(vault) = &mut **remote else { return Ok(()) };
    if vault.address.is_empty() {
        vault.address = text(environment, "VAULT_ADDR", store_forms::address)?
            .ok_or(Error::NoVaultAddress { vault: shown })?;
        way(vault, environment)?;
    }
    if vault.auth.method == VaultMethod::Token && variable(environment, "VAULT_TOKEN").is_none() {
        token_file(&mut vault.auth, environment);
    }
    Ok(())
}

/// Beside the address, so that nothing of the environment is mixed with another server's.
fn way(vault: &mut Vault, environment: &Environment) -> Result<(), Error> {
    if vault.namespace.is_none() {
        vault.namespace = text(environment, "VAULT_NAMESPACE", store_forms::vault_path)?;
    }
    if vault.ca_file.is_none() {
        vault.ca_file = path(environment, "VAULT_CACERT")?;
    }
    if vault.client_cert.is_none() {
        vault.client_cert = path(environment, "VAULT_CLIENT_CERT")?;
        vault.client_key = path(environment, "VAULT_CLIENT_KEY")?;
        if vault.client_cert.is_some() != vault.client_key.is_some() {
            let message = "needs VAULT_CLIENT_KEY beside it, and that one needs it";
            return Err(Error::Variable { variable: "VAULT_CLIENT_CERT", message });
        }
    }
    Ok(())
}

/// What `vault login` leaves for the commands after it.
fn token_file(auth: &mut VaultAuth, environment: &Environment) {
    let home = variable(environment, "HOME").map(Path::new).filter(|home| home.is_absolute());
    if let Some(file) = home.map(|home| home.join(".vault-token"))
        && file.symlink_metadata().is_ok()
    {
        auth.method = VaultMethod::TokenFile;
        auth.token_file = Some(file);
    }
}

/// An empty variable is none.
fn variable<'a>(environment: &'a Environment, name: &str) -> Option<&'a OsStr> {
    environment.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
}

fn text(
    environment: &Environment,
    name: &'static str,
    parse: fn(&str) -> Result<String, &'static str>,
) -> Result<Option<String>, Error> {
    let Some(value) = variable(environment, name) else { return Ok(None) };
    let parsed = value.to_str().ok_or("expected UTF-8").and_then(parse);
    parsed.map(Some).map_err(|message| Error::Variable { variable: name, message })
}

fn path(environment: &Environment, name: &'static str) -> Result<Option<PathBuf>, Error> {
    let Some(value) = variable(environment, name) else { return Ok(None) };
    let parsed = forms::path(value);
    parsed.map(Some).map_err(|message| Error::Variable { variable: name, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> SourceKind {
        source(SourceOption::Vault { mount: "secret".to_owned(), path: "example".to_owned() }).kind
    }

    fn filled(variables: &[(&str, &str)]) -> Result<Vault, Error> {
        filled_in(vault(), variables)
    }

    fn filled_in(mut kind: SourceKind, variables: &[(&str, &str)]) -> Result<Vault, Error> {
        let environment =
            variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        fill_in(&mut kind, &environment)?;
        match kind {
            SourceKind::Remote(remote) => match *remote {
                Remote::Vault(vault) => Ok(vault),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_way_is_the_environments() {
        let vault = filled(&[
            ("VAULT_ADDR", "https://v:8200/"),
            ("VAULT_NAMESPACE", "team/"),
            ("VAULT_CACERT", "/ca"),
            ("VAULT_CLIENT_CERT", "/c"),
            ("VAULT_CLIENT_KEY", "/k"),
            ("VAULT_TOKEN", "hvs.x"),
            ("HOME", "/"),
        ])
        .unwrap();
        assert_eq!((vault.mount.as_str(), vault.path.as_str()), ("secret", "example"));
        assert_eq!(vault.address, "https://v:8200");
        assert_eq!(vault.namespace.as_deref(), Some("team"));
        assert_eq!(vault.ca_file, Some("/ca".into()));
        assert_eq!((vault.client_cert, vault.client_key), (Some("/c".into()), Some("/k".into())));
        assert_eq!(vault.auth, VaultAuth::default());
    }

    #[test]
    fn one_address_of_its_own_takes_nothing_else() {
        let mut kind = vault();
        if let SourceKind::Remote(remote) = &mut kind
            && let Remote::Vault(vault) = &mut **remote
        {
            vault.address = "https://own".to_owned();
        }
        let variables = [("VAULT_ADDR", "https://v"), ("VAULT_NAMESPACE", "team")];
        let vault = filled_in(kind, &variables).unwrap();
        assert_eq!((vault.address.as_str(), vault.namespace), ("https://own", None));
    }

    #[test]
    fn the_token_that_vault_login_left() {
        let home = crate::files::scratch::Scratch::new();
        let variables = [
            ("VAULT_ADDR", "https://v"),
            ("HOME", home.root().to_str().unwrap()),
            ("VAULT_TOKEN", "hvs.x"),
        ];
        assert_eq!(filled(&variables[..2]).unwrap().auth.method, VaultMethod::Token);
        let file = home.file(".vault-token", b"hvs.y", 0o600);
        let auth = filled(&variables[..2]).unwrap().auth;
        assert_eq!((auth.method, auth.token_file), (VaultMethod::TokenFile, Some(file)));
        assert_eq!(filled(&variables).unwrap().auth.method, VaultMethod::Token);
    }

    #[test]
    fn what_is_wrong_with_the_environment() {
        for (variables, line) in [
            (
                &[][..],
                "Vault 'secret/example': no address of Vault; set VAULT_ADDR, or give address = \
                 \"https://...\" in its [[source]]",
            ),
            (
                &[("VAULT_ADDR", "canary")],
                "VAULT_ADDR: expected an address such as \"https://vault.internal:8200\", without \
                 a path",
            ),
            (
                &[("VAULT_ADDR", "https://v"), ("VAULT_CLIENT_KEY", "/k")],
                "VAULT_CLIENT_CERT: needs VAULT_CLIENT_KEY beside it, and that one needs it",
            ),
        ] {
            assert_eq!(filled(variables).unwrap_err().to_string(), line);
        }
    }
}
