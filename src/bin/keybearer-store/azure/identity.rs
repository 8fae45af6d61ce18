use keybearer::helper::{Failure, Kind};
use keybearer::secrets::Secret;

use super::cloud::Cloud;
use super::login::variable;
use crate::rest::{Ask, Client, Reply, host, near};

/// The instance metadata service of every virtual machine.
const METADATA: &str = "http://169.254.169.254";

const MEND: &str = "without a client secret and AZURE_FEDERATED_TOKEN_FILE the machine's managed identity is asked for there";

/// That of a managed identity: of App Service and its like where the environment names their endpoint, else
/// of the machine.
pub async fn token(
    client: &Client,
    client_id: Option<&str>,
    cloud: &Cloud,
    used: &mut Vec<String>,
) -> Result<Secret, Failure> {
    let app_service = variable("IDENTITY_ENDPOINT").zip(variable("IDENTITY_HEADER"));
    let is_the_machines = app_service.is_none();
    let (mut url, version, ask) = match app_service {
        Some((endpoint, header)) => {
            used.push("IDENTITY_HEADER".to_owned());
            let url = near(&endpoint)
                .ok_or_else(|| client.wrong("IDENTITY_ENDPOINT is no address on this machine"))?;
            let ask = Ask::get(url.clone()).header("X-IDENTITY-HEADER", &header);
            (url, "2019-08-01", ask)
        }
        None => {
            let given = variable("AZURE_POD_IDENTITY_AUTHORITY_HOST");
            let mut url = near(given.as_deref().unwrap_or(METADATA)).ok_or_else(|| {
                client.wrong("AZURE_POD_IDENTITY_AUTHORITY_HOST is no address on this machine")
            })?;
            url.set_path("/metadata/identity/oauth2/token");
            let ask = Ask::get(url.clone()).header("Metadata", "true");
            (url, "2018-02-01", ask)
        }
    };
    url.query_pairs_mut().clear().append_pair("api-version", version);
    url.query_pairs_mut().append_pair("resource", cloud.resource);
    if let Some(client_id) = client_id {
        url.query_pairs_mut().append_pair("client_id", client_id);
    }
    let ask = Ask { url: url.clone(), ..ask };
    // The machine's service says 404 and 410 while it is updated, for a minute or so, and wants to be asked again:
    // https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
    let busy = |reply: &Reply| {
        let status =
            Some(reply.status).filter(|status| is_the_machines && [404, 410].contains(status))?;
        Some(format!(
            "{} gives no access token (HTTP {status}), as while it is updated; try again in a minute",
            host(&url)
        ))
    };
    let reply = client.send_while(&ask, busy).await.map_err(|failure| Failure {
        message: format!("{}; {MEND}", failure.message),
        ..failure
    })?;
    match reply.secret("/access_token") {
        Some(token) if reply.is_good() => Ok(token),
        _ if reply.is_good() => Err(client.not_understood(&url, "a managed identity's endpoint")),
        _ => {
            let mend = match client_id {
                Some(_) => "check the client id, and that this identity is assigned to the machine",
                None => {
                    "assign a managed identity to the machine, or name one of several by 'client-id'"
                }
            };
            let text =
                format!("{} gives no access token (HTTP {}); {mend}", host(&url), reply.status);
            Err(client.failure(Kind::Refused, text))
        }
    }
}
