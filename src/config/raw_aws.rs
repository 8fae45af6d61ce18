//! `[[source]]` of the two types of AWS.

use super::Error;
use super::forms::absolute_path;
use super::raw::{PATH, variable};
use super::raw_source::{either, only_variable, selection};
use super::store_forms::{
    address, arn_region, aws_secret, parameter, parameter_path, region, role_arn, word,
};
use super::table::Table;
use super::value::{form, some};
use super::{AwsAccess, AwsParameters, AwsSecret, Selection};

pub(super) fn secret(table: &mut Table<'_>) -> Result<(AwsSecret, Selection), Error> {
    let secret = table.read("secret", form("a secret's name", aws_secret))?;
    let aws = AwsSecret {
        secret: String::new(),
        key: table.read("key", form("a field's name", word))?,
        variable: table.read("as", variable)?,
        stage: table.read("stage", form("a stage's name", word))?,
        version: table.read("version", form("a version's id", word))?,
        access: access(table)?,
    };
    let selection = selection(table)?;
    let aws = AwsSecret { secret: secret.ok_or_else(|| table.missing("secret"))?, ..aws };
    if aws.stage.is_some() && aws.version.is_some() {
        return Err(either(table, "stage", "version"));
    }
    if let (Some(given), Some(named)) = (&aws.access.region, arn_region(&aws.secret))
        && given != named
    {
        let message = format!(
            "'region'{} is not the one that the ARN in 'secret' names; leave it out",
            table.place()
        );
        return Err(table.error(message));
    }
    only_variable(table, &aws.variable, &selection)?;
    Ok((aws, selection))
}

pub(super) fn parameters(table: &mut Table<'_>) -> Result<(AwsParameters, Selection), Error> {
    let path = table.read("path", form("a path", parameter_path))?;
    let names = table.read("names", some(form("a parameter's name", parameter)))?;
    let access = access(table)?;
    let selection = selection(table)?;
    match (path, names) {
        (Some(path), None) => {
            Ok((AwsParameters { path: Some(path), names: Vec::new(), access }, selection))
        }
        (None, Some(names)) => Ok((AwsParameters { path: None, names, access }, selection)),
        (None, None) | (Some(_), Some(_)) => Err(either(table, "path", "names")),
    }
}

fn access(table: &mut Table<'_>) -> Result<AwsAccess, Error> {
    for key in ["access-key-id", "secret-access-key", "session-token"] {
        table.refuse(key, "AWS finds its credentials by itself (AWS_* variables, profile, role); no secret belongs in this file")?;
    }
    let access = AwsAccess {
        region: table.read("region", form("a region", region))?,
        profile: table.read("profile", form("a profile's name", word))?,
        role: table.read("role", form("a role's ARN", role_arn))?,
        external_id: table.read("external-id", form("an external id", word))?,
        endpoint: table.read("endpoint", form("an address", address))?,
        ca_file: table.read("ca-file", form(PATH, absolute_path))?,
    };
    if access.external_id.is_some() && access.role.is_none() {
        return Err(table.error(format!("'external-id'{} needs 'role' beside it", table.place())));
    }
    Ok(access)
}
