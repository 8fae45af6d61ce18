use keybearer::helper::{Credential, Failure, Kind, SourceRequest};
use keybearer::secrets::Secret;
use reqwest::Url;

use super::account::{Account, Credentials};
use super::{external, jwt, metadata};
use crate::rest::{Ask, Client, Reply, host};

pub const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Those of RFC 6749 and RFC 8693. The one that came is shown; the description beside it is not.
const CODES: &[&str] = &[
    "invalid_grant",
    "invalid_client",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "unauthorized_client",
    "unsupported_grant_type",
    "access_denied",
];

/// What the store is asked with.
pub struct Access {
    pub token: Secret,
    pub quota_project: Option<String>,
}

/// For the credentials that keybearer has found; without any, that of the
/// machine.
pub async fn open(client: &Client, source: &SourceRequest) -> Result<Access, Failure> {
    let Some(credentials) = source.credential(Credential::CredentialsFile) else {
        return Ok(Access { token: metadata::token(client).await?, quota_project: None });
    };
    let Credentials { account, quota_project } = Credentials::read(client, credentials.expose())?;
    Ok(Access { token: token(client, source, account).await?, quota_project })
}

async fn token(
    client: &Client,
    source: &SourceRequest,
    account: Account,
) -> Result<Secret, Failure> {
    match account {
        Account::Service { email, key_id, key, tokens } => {
            let assertion = jwt::signed(client, &email, key_id.as_deref(), &key, &tokens)?;
            let fields = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", assertion.expose()),
            ];
            let mend =
                "check this machine's clock, and that the service account and its key still exist";
            ask(client, &tokens, &fields, mend).await
        }
        Account::User { client_id, client_secret, refresh_token, tokens } => {
            let fields = [
                ("grant_type", "refresh_token"),
                ("client_id", &client_id),
                ("client_secret", client_secret.expose()),
                ("refresh_token", refresh_token.expose()),
            ];
            let mend = "run: gcloud auth application-default login";
            ask(client, &tokens, &fields, mend).await
        }
        Account::External(account) => external::token(client, source, &account).await,
    }
}

pub async fn ask(
    client: &Client,
    url: &Url,
    fields: &[(&str, &str)],
    mend: &str,
) -> Result<Secret, Failure> {
    let reply = client.send(&Ask::form(url.clone(), fields)).await?;
    match reply.secret("/access_token") {
        Some(token) if reply.is_good() => Ok(token),
        _ if reply.is_good() => Err(client.not_understood(url, "Google")),
        _ => Err(refused(client, url, &reply, mend)),
    }
}

pub fn refused(client: &Client, url: &Url, reply: &Reply, mend: &str) -> Failure {
    let code = match reply.word("/error", CODES) {
        Some(code) => format!(", {code}"),
        None => String::new(),
    };
    let text = format!(
        "no access token: {} refuses the credentials (HTTP {}{code}); {mend}",
        host(url),
        reply.status
    );
    client.failure(Kind::Refused, text)
}
