use std::env;

use keybearer::helper::{Failure, Kind};
use keybearer::secrets::Secret;
use reqwest::Url;

use super::access::SCOPE;
use crate::rest::{Ask, Client, host};

const HOST: &str = "metadata.google.internal";
const MEND: &str = "without credentials-file and GOOGLE_APPLICATION_CREDENTIALS the machine's own are asked for there";

/// That of the machine's service account, on Google's machines and in its clusters.
pub async fn token(client: &Client) -> Result<Secret, Failure> {
    let given = env::var("GCE_METADATA_HOST").ok().filter(|host| !host.is_empty());
    let mut url = address(given.as_deref().unwrap_or(HOST))
        .ok_or_else(|| client.wrong("GCE_METADATA_HOST is no host"))?;
    url.set_path("/computeMetadata/v1/instance/service-accounts/default/token");
    url.query_pairs_mut().append_pair("scopes", SCOPE);
    let ask = Ask::get(url.clone()).header("Metadata-Flavor", "Google");
    let reply = client.send(&ask).await.map_err(|failure| Failure {
        message: format!("{}; {MEND}", failure.message),
        ..failure
    })?;
    let address = host(&url);
    // Somebody else may live at that address.
    if reply.flavour.as_deref() != Some("Google") {
        return Err(client.wrong(format!("{address} is no metadata server of Google; {MEND}")));
    }
    match reply.secret("/access_token") {
        Some(token) if reply.is_good() => Ok(token),
        _ if reply.is_good() => Err(client.not_understood(&url, "a metadata server")),
        _ => Err(client.failure(
            Kind::Refused,
            format!(
                "{address} gives no access token (HTTP {}); give this machine a service account",
                reply.status
            ),
        )),
    }
}

/// HOST or HOST:PORT.
fn address(host: &str) -> Option<Url> {
    let url = Url::parse(&format!("http://{host}/")).ok()?;
    (url.path() == "/" && url.query().is_none() && url.username().is_empty()).then_some(url)
}
