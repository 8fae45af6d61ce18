use keybearer::helper::{Credential, Failure, Kind, SourceRequest};
use keybearer::secrets::Secret;
use reqwest::Method;
use serde_json::{Value, json};

use super::access::{self, SCOPE};
use super::account::External;
use crate::rest::{Ask, Client, host};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Another provider's token against one of Google's, RFC 8693; and where the credentials name a service
/// account, that one against the account's.
pub async fn token(
    client: &Client,
    source: &SourceRequest,
    account: &External,
) -> Result<Secret, Failure> {
    let subject = subject_token(client, source, account).await?;
    let fields = [
        ("grant_type", EXCHANGE),
        ("audience", &account.audience),
        ("scope", SCOPE),
        ("requested_token_type", ACCESS_TOKEN),
        ("subject_token_type", &account.token_type),
        ("subject_token", subject.expose()),
    ];
    let mend = "check the workload identity pool, its provider, and that the subject token has not expired";
    let token = access::ask(client, &account.tokens, &fields, mend).await?;
    let Some(url) = &account.impersonated else { return Ok(token) };
    let body = json!({ "scope": [SCOPE], "lifetime": "3600s" });
    let reply = client.send(&Ask::json(Method::POST, url.clone(), &body).bearer(&token)).await?;
    match reply.secret("/accessToken") {
        Some(token) if reply.is_good() => Ok(token),
        _ if reply.is_good() => Err(client.not_understood(url, "Google")),
        _ => {
            let mend =
                "allow iam.serviceAccounts.getAccessToken on the service account to this identity";
            Err(access::refused(client, url, &reply, mend))
        }
    }
}

async fn subject_token(
    client: &Client,
    source: &SourceRequest,
    account: &External,
) -> Result<Secret, Failure> {
    let text = match &account.from {
        None => source.credential(Credential::SubjectToken).map(Secret::duplicate),
        Some((url, headers)) => {
            let mut ask = Ask::get(url.clone());
            ask.headers
                .extend(headers.iter().map(|(name, value)| (name.clone(), value.duplicate())));
            let reply = client.send(&ask).await?;
            if !reply.is_good() {
                let text = format!("{} gives no subject token (HTTP {})", host(url), reply.status);
                return Err(client.failure(Kind::Refused, text));
            }
            std::str::from_utf8(&reply.body).ok().map(|text| Secret::new(text.to_owned()))
        }
    };
    let token = text.and_then(|text| match &account.field {
        None => Some(Secret::new(text.expose().trim().to_owned())),
        Some(field) => {
            let document: Value = serde_json::from_str(text.expose()).ok()?;
            Some(Secret::new(document.get(field)?.as_str()?.to_owned()))
        }
    });
    token.filter(|token| !token.expose().is_empty()).ok_or_else(|| {
        client.wrong("there is no subject token where its credentials say; check credential_source")
    })
}
