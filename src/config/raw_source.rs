//! One `[[source]]`: its type decides which keys it may have.

use crate::secrets::Name;

use super::expand;
use super::forms::absolute_path;
use super::raw::{PATH, name, variables};
use super::table::Table;
use super::value::{Value, Wrong, choice, form, map, some};
use super::{Credentials, Error, Inherited, Remote, Selection, SourceKind, SourceSpec};
use super::{raw_aws, raw_azure, raw_google, raw_tool, raw_vault};

#[derive(Clone, Copy)]
enum Type {
    EnvFile,
    Directory,
    SystemdCredentials,
    Environment,
    AwsSecretsManager,
    AwsParameterStore,
    Vault,
    GoogleSecretManager,
    AzureKeyVault,
    Command,
}

const TYPES: &[(&str, Type)] = &[
    ("env-file", Type::EnvFile),
    ("directory", Type::Directory),
    ("systemd-credentials", Type::SystemdCredentials),
    ("environment", Type::Environment),
    ("aws-secrets-manager", Type::AwsSecretsManager),
    ("aws-parameter-store", Type::AwsParameterStore),
    ("vault", Type::Vault),
    ("google-secret-manager", Type::GoogleSecretManager),
    ("azure-key-vault", Type::AzureKeyVault),
    ("command", Type::Command),
];

/// A config for each type of source, with nothing in it but the type.
pub(super) fn one_of_each_type() -> impl Iterator<Item = String> {
    TYPES.iter().map(|(word, _)| format!("[[source]]\ntype = \"{word}\""))
}

pub(super) fn source(mut table: Table<'_>) -> Result<SourceSpec, Error> {
    let Some((type_, word)) = table.read("type", source_type)? else {
        return Err(table.missing("type"));
    };
    table.relabel(format!("[[source]] of type \"{word}\""));
    for key in expand::KEYS {
        table.expand(key)?;
    }
    let (kind, selection) = match type_ {
        Type::EnvFile => {
            let path = table.read("path", form(PATH, absolute_path))?;
            let selection = selection(&mut table)?;
            let path = path.ok_or_else(|| table.missing("path"))?;
            (SourceKind::EnvFile { path }, selection)
        }
        Type::Directory => {
            let path = table.read("path", form(PATH, absolute_path))?;
            let selection = selection(&mut table)?;
            let path = path.ok_or_else(|| table.missing("path"))?;
            (SourceKind::Directory { path }, selection)
        }
        Type::SystemdCredentials => {
            let names = table.read("names", some(form("a credential's name", credential)))?;
            let env = table.read("env", form("a credential's name", credential))?;
            let selection = selection(&mut table)?;
            let wanted = match (names, env) {
                (None, None) => Credentials::All,
                (Some(names), None) => Credentials::Names(names),
                (None, Some(name)) => Credentials::EnvFile(name),
                (Some(_), Some(_)) => return Err(either(&table, "names", "env")),
            };
            (SourceKind::SystemdCredentials { wanted }, selection)
        }
        Type::Environment => {
            let names = table.read("names", variables)?;
            let mut selection = selection(&mut table)?;
            // What this source holds is picked by the prefix; there is nothing left to pick after.
            let wanted = match (names, selection.prefix.take()) {
                (Some(names), None) => Inherited::Names(names),
                (None, Some(prefix)) => Inherited::Prefix(prefix),
                (None, None) | (Some(_), Some(_)) => return Err(either(&table, "names", "prefix")),
            };
            (SourceKind::Environment { wanted }, selection)
        }
        Type::AwsSecretsManager => remote(Remote::AwsSecret, raw_aws::secret(&mut table)?),
        Type::AwsParameterStore => remote(Remote::AwsParameters, raw_aws::parameters(&mut table)?),
        Type::Vault => remote(Remote::Vault, raw_vault::vault(&mut table)?),
        Type::GoogleSecretManager => remote(Remote::GoogleSecret, raw_google::secret(&mut table)?),
        Type::AzureKeyVault => remote(Remote::AzureSecret, raw_azure::secret(&mut table)?),
        Type::Command => {
            let (tool, selection) = raw_tool::tool(&mut table)?;
            (SourceKind::Command(Box::new(tool)), selection)
        }
    };
    Ok(SourceSpec { kind, selection })
}

fn remote<T>(of: fn(T) -> Remote, (asked, selection): (T, Selection)) -> (SourceKind, Selection) {
    (SourceKind::Remote(Box::new(of(asked))), selection)
}

fn source_type(value: &Value<'_>) -> Result<(Type, &'static str), Wrong> {
    let given = value.get_ref().as_str();
    match TYPES.iter().find(|(word, _)| given == Some(word)) {
        Some((word, type_)) => Ok((*type_, word)),
        // The words are known not to match; this says which there are.
        None => choice(TYPES)(value).map(|type_| (type_, "")),
    }
}

/// What every source takes. No key is read after this.
pub(super) fn selection(table: &mut Table<'_>) -> Result<Selection, Error> {
    let selection = Selection {
        prefix: table.read("prefix", form("a prefix", prefix))?,
        rename: table
            .read("rename", map(name, form("the source's name", own_name)))?
            .unwrap_or_default(),
        only: table.read("only", variables)?.map(|names| names.into_iter().collect()),
    };
    table.finish()?;
    Ok(selection)
}

/// A secret that is one value has nothing in it to pick from.
pub(super) fn only_variable(
    table: &Table<'_>,
    variable: &Option<Name>,
    selection: &Selection,
) -> Result<(), Error> {
    if variable.is_none() || *selection == Selection::default() {
        return Ok(());
    }
    let message = format!(
        "'as'{} is the name of the only variable; leave out 'prefix', 'rename' and 'only'",
        table.place()
    );
    Err(table.error(message))
}

pub(super) fn either(table: &Table<'_>, one: &str, other: &str) -> Error {
    table.error(format!("'{one}' or '{other}'{}: give one of the two", table.place()))
}

/// A file's name in $CREDENTIALS_DIRECTORY.
fn credential(text: &str) -> Result<String, &'static str> {
    if matches!(text, "" | "." | "..") || text.contains(['/', '\0']) {
        return Err("expected a credential's name: a file's name, without a slash");
    }
    Ok(text.to_owned())
}

fn prefix(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.contains(['=', '\0']) {
        return Err("expected a prefix such as \"SITE_\"");
    }
    Ok(text.to_owned())
}

fn own_name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() { Err("expected a name in the source") } else { Ok(text.to_owned()) }
}
