use std::env;

use keybearer::config::AzureSecret;
use keybearer::helper::{Credential, Failure, Kind, SourceRequest};
use keybearer::secrets::Secret;
use reqwest::Url;

use super::cloud::Cloud;
use super::identity;
use crate::rest::{Ask, Client, Reply, host, secure};

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What Entra says by number, and the mend: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
const NUMBERS: &[(u64, &str)] = &[
    (90002, "the tenant is not known; check 'tenant'"),
    (900021, "the tenant is not known; check 'tenant'"),
    (700016, "the client is not known in the tenant; check 'client-id' and 'tenant'"),
    (7000215, "the client secret is wrong; give its value and not its id"),
    (7000222, "the client secret has expired; make a new one"),
    (7000112, "the application is disabled; enable it"),
    (70021, "no federated credential of the client fits the token; check its issuer and subject"),
    (700213, "no federated credential of the client fits the token; check its issuer and subject"),
    (700211, "no federated credential of the client fits the token; check its issuer and subject"),
    (700024, "the federated token has expired; check this machine's clock"),
    (53003, "a conditional access policy of the tenant is in the way"),
];

/// What the store is asked with: for a client secret, a workload identity's token, or the machine's own
/// identity.
pub async fn token(
    client: &Client,
    asked: &AzureSecret,
    source: &SourceRequest,
    cloud: &Cloud,
    used: &mut Vec<String>,
) -> Result<Secret, Failure> {
    let secret = source.credential(Credential::ClientSecret);
    let assertion = source.credential(Credential::Jwt);
    let client_id = asked.client_id.clone().or_else(|| variable("AZURE_CLIENT_ID"));
    let proof = match (secret, assertion) {
        (Some(secret), _) => vec![("client_secret", secret.expose())],
        (None, Some(token)) => {
            vec![("client_assertion_type", ASSERTION), ("client_assertion", token.expose())]
        }
        (None, None) => return identity::token(client, client_id.as_deref(), cloud, used).await,
    };
    let missing = |key: &str, variable: &str| {
        client.wrong(format!("no {key} for its login; give '{key}', or set {variable}"))
    };
    let client_id = client_id.ok_or_else(|| missing("client-id", "AZURE_CLIENT_ID"))?;
    let tenant = asked.tenant.clone().or_else(|| variable("AZURE_TENANT_ID"));
    let tenant = tenant.ok_or_else(|| missing("tenant", "AZURE_TENANT_ID"))?;
    let url = tokens(cloud, &tenant)
        .ok_or_else(|| client.wrong("AZURE_AUTHORITY_HOST is no address of https"))?;
    let scope = format!("{}/.default", cloud.resource);
    let mut fields =
        vec![("grant_type", "client_credentials"), ("client_id", &client_id), ("scope", &scope)];
    fields.extend(proof);
    let reply = client.send(&Ask::form(url.clone(), &fields)).await?;
    match reply.secret("/access_token") {
        Some(token) if reply.is_good() => Ok(token),
        _ if reply.is_good() => Err(client.not_understood(&url, "Entra")),
        _ => Err(refused(client, &url, &reply)),
    }
}

/// An empty variable is none.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn tokens(cloud: &Cloud, tenant: &str) -> Option<Url> {
    let authority = variable("AZURE_AUTHORITY_HOST");
    let authority = authority.as_deref().unwrap_or(cloud.authority);
    let mut url = match authority.contains("://") {
        true => secure(authority)?,
        false => secure(&format!("https://{authority}"))?,
    };
    url.path_segments_mut().ok()?.pop_if_empty().extend([tenant, "oauth2", "v2.0", "token"]);
    Some(url)
}

fn refused(client: &Client, url: &Url, reply: &Reply) -> Failure {
    let answer = reply.json();
    let numbers = answer["error_codes"].as_array().into_iter().flatten();
    let known = numbers.filter_map(|number| {
        let number = number.as_u64()?;
        NUMBERS.iter().find(|(known, _)| *known == number)
    });
    let status = reply.status;
    let text = match known.into_iter().next() {
        Some((number, mend)) => format!("(HTTP {status}, AADSTS{number}): {mend}"),
        None => format!("(HTTP {status}); check 'tenant', 'client-id' and its secret or token"),
    };
    let text = format!("no access token: {} refuses the login {text}", host(url));
    client.failure(Kind::Refused, text)
}
